using Atoll.Devices;
using Atoll.Models;

namespace Atoll.Serving;

/// <summary>
/// Models that share a prefix on a device of this process: the prefix runs once on the rows of all requests, then each
/// model's suffix on its own. Each program of each batch size was run once before it is given out.
/// </summary>
internal sealed class PrefixReplica : IReplica
{
    private readonly Device _device;
    private readonly ReplicaSource _source;
    private readonly PrefixPrograms _programs;
    private readonly DeviceClient _client;
    private readonly ReplicaStreams _streams;
    private readonly PrefixSlots?[] _slots = new PrefixSlots?[2];
    private readonly PrefixRun?[] _runs = new PrefixRun?[2];

    private PrefixReplica(Device device, ReplicaSource source)
    {
        (_device, _source, _programs) = (device, source, source.Shared!);
        _client = device.CreateClient(source.Source.Name, device.MemoryBytes);
        _streams = new ReplicaStreams(device, _client, _programs.Suffixes.Count + 1);
        Sizes = BatchSizes.UpTo(Math.Max(1, source.Configuration.MaxBatchSize));
    }

    public IReadOnlyList<int> Sizes { get; private set; }

    /// <summary>The weights of the prefix count once, whatever the number of models.</summary>
    public long MemoryBytes => _slots.Sum(slots => slots?.OwnBytes ?? 0) +
        _source.Programs.Sum(program => program.ConstantBytesOn(_device));

    public static async Task<PrefixReplica> CreateAsync(
        Device device, ReplicaSource source, CancellationToken cancellation)
    {
        var replica = new PrefixReplica(device, source);
        try
        {
            var own = source.Configuration.Class;
            var other = own == WorkClass.RealTime ? WorkClass.BestEffort : WorkClass.RealTime;
            await replica.PrepareAsync(own, cancellation);
            await replica.PrepareAsync(other, [1], null, cancellation);
            return replica;
        }
        catch
        {
            await replica.DisposeAsync();
            throw;
        }
    }

    public void Expect()
    {
        // Sleeping units take tens of microseconds to wake: let them do so while the request is read.
        _device.Hint(_source.Configuration.Expectation);
    }

    public ValueTask<InferenceOutcome> RunAsync(ReplicaBatch batch, CancellationToken cancellationToken) =>
        _runs[(int)batch.Class]!.Start(batch, _streams.For(batch.Class, batch.Priority), cancellationToken);

    public ValueTask DisposeAsync()
    {
        _streams.Dispose();
        foreach (var slots in _slots)
        {
            slots?.Dispose();
        }

        _programs.Prefix.FreeUnused();
        foreach (var suffix in _programs.Suffixes)
        {
            suffix.Program?.FreeUnused();
        }

        return ValueTask.CompletedTask;
    }

    /// <summary>Every batch size that is worth it.</summary>
    private async Task PrepareAsync(WorkClass workClass, CancellationToken cancellation)
    {
        var preparation = new BatchPreparation(_source.Configuration, _device.MemoryBytes);
        await PrepareAsync(workClass, Sizes, preparation, cancellation);
        Sizes = _slots[(int)workClass]!.Sizes;
        if (preparation.Limit is { } limit)
        {
            _source.OnLimited?.Invoke(limit);
        }
    }

    private async Task PrepareAsync(
        WorkClass workClass, IReadOnlyList<int> sizes, BatchPreparation? preparation, CancellationToken cancellation)
    {
        var slots = _slots[(int)workClass] = new PrefixSlots(_programs, _client);
        _runs[(int)workClass] = new PrefixRun(slots);
        for (var i = 0; i < sizes.Count && preparation?.Goes(sizes[i]) != false; i++)
        {
            var before = slots.OwnBytes;
            var took = TimeSpan.Zero;
            foreach (var slot in slots.Prepare(sizes[i]))
            {
                took += await RunAsync(slot, BatchPreparation.RunsOf(sizes[i]), cancellation);
            }

            preparation?.Ran(sizes[i], took, slots.OwnBytes - before);
        }
    }

    /// <summary>The shortest of the runs.</summary>
    private async Task<TimeSpan> RunAsync(InstanceSlot slot, int runs, CancellationToken cancellation)
    {
        var shortest = TimeSpan.MaxValue;
        for (var run = 0; run < runs; run++)
        {
            cancellation.ThrowIfCancellationRequested();
            var start = _device.Clock.GetTimestamp();
            var outcome = await slot.RunAsync(
                _streams.For(WorkClass.BestEffort, _source.Configuration.Priority), 0, cancellation);
            if (outcome.Status != InferenceStatus.Completed)
            {
                throw new ModelException(ModelError.InvalidGraph,
                    $"the first run of '{_source.Source.Name}' failed: {outcome.Reason}");
            }

            var took = _device.Clock.GetElapsedTime(start);
            shortest = took < shortest ? took : shortest;
            await CompletionThreads.LeaveAsync();
        }

        return shortest;
    }
}
