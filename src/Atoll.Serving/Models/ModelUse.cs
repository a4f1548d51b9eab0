namespace Atoll.Serving;

/// <summary>A ready model that stays loaded until the use is disposed.</summary>
internal readonly struct ModelUse(ModelEntry entry) : IDisposable
{
    public ModelEntry Entry => entry;

    public void Dispose() => entry.EndUse();
}
