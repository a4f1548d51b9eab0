namespace Atoll.Models;

/// <summary>First and last step that touches a storage, both inclusive.</summary>
internal readonly record struct StorageLifetime(Storage Storage, int First, int Last)
{
    public bool Meets(in StorageLifetime other) => First <= other.Last && other.First <= Last;

    /// <summary>Lifetimes of all arena storages that the steps touch, in order of first use.</summary>
    public static IReadOnlyList<StorageLifetime> Of(IReadOnlyList<LoweredStep> steps)
    {
        var lifetimes = new Dictionary<Storage, StorageLifetime>();
        for (var step = 0; step < steps.Count; step++)
        {
            foreach (var view in steps[step].Reads.Concat(steps[step].Writes))
            {
                if (view.Storage.Kind == StorageKind.Arena)
                {
                    lifetimes[view.Storage] = lifetimes.TryGetValue(view.Storage, out var life)
                        ? life with { Last = step }
                        : new StorageLifetime(view.Storage, step, step);
                }
            }
        }

        return [.. lifetimes.Values];
    }
}
