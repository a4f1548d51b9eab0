using Atoll.Devices;
using Atoll.Models;

namespace Atoll.Serving;

/// <summary>
/// A device that only takes the time and the memory of the profiles it is given: its answers have the right shapes and
/// are all zero. For trying out plans, dispatch and clients with accelerators that are not there. The two classes of
/// work do not slow each other down on it. Thread-safe.
/// </summary>
/// <param name="kind">The profiles of this kind, or of any kind, hold for it.</param>
/// <param name="profiles">By the model's name.</param>
/// <param name="clock">Batches end by its timers.</param>
public sealed class SimulatedBackend(
    string name, DeviceKind kind, ProfileTable profiles, TimeProvider clock) : IBackend
{
    private long _inUse;

    public string Name => name;

    public long MemoryBytes => MemoryLimit.Of(kind);

    /// <summary>The devices of a planning file, at most <paramref name="most"/> of them.</summary>
    /// <exception cref="ServingException">There are more.</exception>
    public static IReadOnlyList<SimulatedBackend> Of(PlanFile file, TimeProvider clock, int most)
    {
        ArgumentNullException.ThrowIfNull(file);
        var profiles = new ProfileTable(file.Profiles);
        SimulatedBackend[] devices = [.. file.Devices.SelectMany(kind => Enumerable.Range(0, kind.Count)
            .Select(index => new SimulatedBackend(kind.DeviceName(index), kind, profiles, clock))).Take(most + 1)];
        return devices.Length <= most
            ? devices
            : throw new ServingException(
                ServingError.InvalidPlan, $"the planning file has more than {most} devices to simulate");
    }

    /// <inheritdoc/>
    /// <exception cref="ServingException">There is no profile of the model for this kind of device, or none for its
    /// largest batch.</exception>
    public Task<IReplica> LoadAsync(ReplicaSource source, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(source);
        var profile = source.Shared is { } shared ? OfGroup(source, shared) : OfModel(source.Source.Name);
        RequireBatch(source.Source.Name, source.Configuration.MaxBatchSize, profile);
        var sizes = BatchSizes.UpTo(Math.Max(1, source.Configuration.MaxBatchSize));
        var memory = profile.Memory(sizes[^1]);
        if (Interlocked.Add(ref _inUse, memory) > MemoryBytes)
        {
            Interlocked.Add(ref _inUse, -memory);
            throw new DeviceException(DeviceError.OutOfMemory,
                $"'{source.Source.Name}' takes {memory} bytes on simulated device '{name}' of {MemoryBytes}, of " +
                    $"which " +
                $"{Interlocked.Read(ref _inUse)} are in use");
        }

        var stated = new BatchProfile(source.Source.Name, name,
            [.. sizes.Select(size => new ProfilePoint(size, profile.Latency(size), TimeSpan.Zero, memory))],
            ProfileMeasurement.Options);
        IReadOnlyList<TensorSpec>[] outputs = source.Shared is null
            ? [source.Model!.Outputs]
            : [.. source.Shared.Suffixes.Select(suffix => suffix.Outputs)];
        return Task.FromResult<IReplica>(new SimulatedReplica(
            stated, outputs, clock, () => Interlocked.Add(ref _inUse, -memory)));
    }

    public ValueTask DisposeAsync() => ValueTask.CompletedTask;

    private void RequireBatch(string model, int rows, BatchProfile profile)
    {
        if (rows > profile.MaxBatch)
        {
            throw new ServingException(ServingError.ModelNotServable,
                $"model '{model}' may get batches of {rows}, and its profile for kind '{kind.Name}' of simulated " +
                $"device '{name}' ends at {profile.MaxBatch} (setting max_batch_size of config.json)");
        }
    }

    /// <summary>What runs take: the profile without what planning adds to it.</summary>
    private BatchProfile OfModel(string model) => profiles.Find(model, kind.Name) is { } known
        ? new BatchProfile(model, kind.Name, known.Points, known.Options with { Margin = 1 })
        : throw new ServingException(ServingError.ModelNotServable,
            $"simulated device '{name}' has no profile of model '{model}' for kind '{kind.Name}' (setting " +
            "device.simulated)");

    /// <summary>
    /// For the prefix's part of the work the profile that reaches furthest, of several the first model's; on top of it
    /// each suffix's part for its rows, where rows are of all models in turn.
    /// </summary>
    private BatchProfile OfGroup(ReplicaSource source, PrefixPrograms shared)
    {
        var members = shared.Suffixes.Select(suffix => (Profile: OfModel(suffix.Model), suffix.Share)).ToArray();
        foreach (var (suffix, (own, _)) in shared.Suffixes.Zip(members))
        {
            RequireBatch(suffix.Model, suffix.MaxBatch, own);
        }

        var first = members.MaxBy(member => member.Profile.MaxBatch);
        var largest = Math.Min(first.Profile.MaxBatch, Math.Max(1, source.Configuration.MaxBatchSize));
        return new BatchProfile(source.Source.Name, kind.Name,
            [.. Enumerable.Range(1, largest).Select(rows => new ProfilePoint(
                rows, (first.Share * first.Profile.Latency(rows)) + Suffixes(rows), TimeSpan.Zero,
                (long)(first.Share * first.Profile.Memory(rows)) +
                    members.Sum(member => (long)((1 - member.Share) * member.Profile.Memory(1)))))],
            ProfileOptions.Default);

        TimeSpan Suffixes(int rows) => members.Take(rows).Index().Aggregate(TimeSpan.Zero, (sum, member) =>
        {
            var (profile, share) = member.Item;
            var own = (rows - member.Index + members.Length - 1) / members.Length;
            return sum + ((1 - share) * profile.Latency(Math.Min(own, profile.MaxBatch)));
        });
    }
}
