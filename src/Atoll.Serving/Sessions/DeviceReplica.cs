using Atoll.Devices;
using Atoll.Models;

namespace Atoll.Serving;

/// <summary>
/// A model on a device of this process: one program per batch size for the model's own class, one for single requests
/// of the other class, so that the two never wait for each other. All were run once before it is given out.
/// </summary>
internal sealed class DeviceReplica : IReplica
{
    private readonly Device _device;
    private readonly ReplicaSource _source;
    private readonly DeviceClient _client;
    private readonly bool _isBatched;
    private readonly InstanceSlot[][] _slots = [[], []];
    private readonly CompiledModel _model;
    private readonly ReplicaStreams _streams;

    private DeviceReplica(Device device, ReplicaSource source)
    {
        (_device, _source, _model) = (device, source, source.Model!);
        _client = device.CreateClient(source.Source.Name, device.MemoryBytes);
        _streams = new ReplicaStreams(device, _client, queueCapacity: 2);
        _isBatched = BatchSizes.WhyNot(_model.Inputs, _model.Outputs) is null;
        Sizes = _isBatched ? BatchSizes.UpTo(Math.Max(1, source.Configuration.MaxBatchSize)) : [1];
    }

    public IReadOnlyList<int> Sizes { get; private set; }

    public long MemoryBytes => _client.MemoryInUseBytes;

    /// <summary>Without weights, wherever those are counted: only how it grows tells something.</summary>
    private long ProgramBytes => _client.MemoryInUseBytes - _model.ConstantBytesOn(_device);

    public static async Task<DeviceReplica> CreateAsync(
        Device device, ReplicaSource source, CancellationToken cancellation)
    {
        var replica = new DeviceReplica(device, source);
        try
        {
            var own = source.Configuration.Class;
            var other = own == WorkClass.RealTime ? WorkClass.BestEffort : WorkClass.RealTime;
            await replica.PrepareAsync(own, cancellation);
            await replica.PrepareAsync(other, 1, 1, cancellation);
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
        SlotFor(batch).RunAsync(batch, _isBatched, _streams.For(batch.Class, batch.Priority), cancellationToken);

    public ValueTask DisposeAsync()
    {
        _streams.Dispose();
        foreach (var slot in _slots.SelectMany(slots => slots))
        {
            slot.Dispose();
        }

        _model.FreeUnused();
        return ValueTask.CompletedTask;
    }

    private InstanceSlot SlotFor(ReplicaBatch batch)
    {
        var slots = _slots[(int)batch.Class];
        for (var i = 0; i < slots.Length; i++)
        {
            if (Sizes[i] >= batch.Rows)
            {
                return slots[i];
            }
        }

        throw new InvalidOperationException(
            $"a batch of {batch.Rows} rows of class {batch.Class} came to model '{_source.Source.Name}', which has " +
            $"programs for {Sizes[slots.Length - 1]} at most");
    }

    /// <summary>Every batch size that is worth it.</summary>
    private async Task PrepareAsync(WorkClass workClass, CancellationToken cancellation)
    {
        var preparation = new BatchPreparation(_source.Configuration, _device.MemoryBytes);
        var wanted = Sizes;
        for (var i = 0; i < wanted.Count && preparation.Goes(wanted[i]); i++)
        {
            var before = ProgramBytes;
            var took = await PrepareAsync(
                workClass, wanted[i], BatchPreparation.RunsOf(wanted[i]), cancellation);
            preparation.Ran(wanted[i], took, ProgramBytes - before);
        }

        Sizes = [.. wanted.Take(_slots[(int)workClass].Length)];
        if (preparation.Limit is { } limit)
        {
            _source.OnLimited?.Invoke(limit);
        }
    }

    /// <summary>The shortest of the runs of a new program of this size.</summary>
    private async Task<TimeSpan> PrepareAsync(
        WorkClass workClass, int size, int runs, CancellationToken cancellation)
    {
        cancellation.ThrowIfCancellationRequested();
        var slot = new InstanceSlot(_model, _client);
        _slots[(int)workClass] = [.. _slots[(int)workClass], slot];
        slot.Prepare(_isBatched ? [.. _model.Inputs.Select(input => Sized(input.Shape, size))] : null);
        RequireRows(slot, size);
        var shortest = TimeSpan.MaxValue;
        for (var run = 0; run < runs; run++)
        {
            var start = _device.Clock.GetTimestamp();
            var outcome = await slot.RunAsync(
                _streams.For(WorkClass.BestEffort, _source.Configuration.Priority), 0, cancellation);
            if (outcome.Status != InferenceStatus.Completed)
            {
                throw new ModelException(ModelError.InvalidGraph,
                    $"the first run of model '{_source.Source.Name}' with a batch of {size} failed: {outcome.Reason}");
            }

            var took = _device.Clock.GetElapsedTime(start);
            shortest = took < shortest ? took : shortest;
            await CompletionThreads.LeaveAsync();
        }

        return shortest;
    }

    private void RequireRows(InstanceSlot slot, int size)
    {
        for (var i = 0; _isBatched && i < _model.Outputs.Count; i++)
        {
            if (slot.Shape(i)[0] != size)
            {
                throw new ModelException(ModelError.InvalidShape,
                    $"model '{_source.Source.Name}' cannot be batched: for {size} rows its output " +
                    $"'{_model.Outputs[i].Name}' has {slot.Shape(i)[0]} (setting max_batch_size of " +
                        $"config.json)");
            }
        }
    }

    private static long[] Sized(IReadOnlyList<long> shape, int rows) => [rows, .. shape.Skip(1)];
}
