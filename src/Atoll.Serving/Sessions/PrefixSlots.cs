using System.Diagnostics.CodeAnalysis;
using Atoll.Devices;
using Atoll.Models;

namespace Atoll.Serving;

/// <summary>The programs of models that share a prefix, for one class of work: one batch at a time.</summary>
internal sealed class PrefixSlots(PrefixPrograms programs, DeviceClient client) : IDisposable
{
    private readonly List<InstanceSlot> _prefixes = [];
    private int[] _sizes = [];

    public SuffixSlots[] Suffixes { get; } =
        [.. programs.Suffixes.Select(suffix => new SuffixSlots(suffix))];

    public IEnumerable<InstanceSlot> All => _prefixes.Concat(Suffixes.SelectMany(suffix => suffix.Slots));

    /// <summary>Bytes of inputs, outputs and intermediate results of all programs.</summary>
    public long OwnBytes { get; private set; }

    /// <summary>Batch sizes that are prepared, ascending.</summary>
    public IReadOnlyList<int> Sizes => _sizes;

    /// <summary>
    /// Makes the programs of the next larger size, of the prefix and of those models that take batches of it; larger
    /// batches of the others never come. Answers what was made.
    /// </summary>
    /// <exception cref="ModelException">A value where the models part does not have a row for each row of the batch.
    /// </exception>
    public IReadOnlyList<InstanceSlot> Prepare(int size)
    {
        var made = new List<InstanceSlot> { new(programs.Prefix, client) };
        _prefixes.Add(made[0]);
        Prepare(made[0], programs.Prefix, [.. programs.Prefix.Inputs.Select(input => Sized(input.Shape, size))]);
        RequireRows(made[0], size);
        foreach (var suffix in Suffixes.Where(suffix => suffix.Suffix.Program is not null))
        {
            // A model's largest batch need not be among the sizes of the group.
            var own = Math.Min(size, suffix.Suffix.MaxBatch);
            if (suffix.Largest < own)
            {
                var slot = suffix.Add(suffix.Suffix.Program!, client, own);
                made.Add(slot);
                Prepare(slot, suffix.Suffix.Program!, ShapesOf(suffix.Suffix, own));
            }
        }

        _sizes = [.. _sizes, size];
        return made;
    }

    /// <summary>The smallest that holds so many rows; the replica has promised one.</summary>
    public InstanceSlot PrefixFor(int rows)
    {
        var index = Array.BinarySearch(_sizes, rows);
        return _prefixes[index < 0 ? ~index : index];
    }

    /// <summary>Gives each model its requests of the batch.</summary>
    public void Divide(ReplicaBatch batch, InstanceSlot prefix)
    {
        foreach (var suffix in Suffixes)
        {
            suffix.Batch.Begin(batch, prefix);
        }

        var row = 0;
        for (var request = 0; request < batch.Count; request++)
        {
            Suffixes[batch.MemberOf(request)].Batch.Add(request, row);
            row += batch.RowsOf(request);
        }
    }

    public void Dispose()
    {
        foreach (var slot in All)
        {
            slot.Dispose();
        }
    }

    private static long[] Sized(IReadOnlyList<long> shape, int rows) => [rows, .. shape.Skip(1)];

    private long[][] ShapesOf(PrefixSuffix suffix, int size) =>
        [.. suffix.Sources.Select(source => source.IsPrefixOutput
            ? Sized(_prefixes[0].Shape(source.Index).ToArray(), size)
            : Sized(programs.Prefix.Inputs[source.Index].Shape, size))];

    private void Prepare(InstanceSlot slot, CompiledModel program, long[][] shapes)
    {
        slot.Prepare(shapes);
        OwnBytes += program.Measure(shapes).ArenaBytes;
        OwnBytes += program.Inputs.Zip(shapes).Sum(pair => Bytes(pair.First, pair.Second));
        OwnBytes += program.Outputs.Select((output, i) => Bytes(output, slot.Shape(i).ToArray())).Sum();
    }

    private static long Bytes(TensorSpec tensor, long[] shape) =>
        shape.Aggregate((long)tensor.Type.SizeInBytes(), (bytes, dimension) => bytes * dimension);

    /// <summary>Rows must lie first and look the same whatever their number.</summary>
    private void RequireRows(InstanceSlot slot, int size)
    {
        for (var i = 0; i < programs.Prefix.Outputs.Count; i++)
        {
            var shape = slot.Shape(i);
            if (shape.Length == 0 || shape[0] != size || !shape[1..].SequenceEqual(_prefixes[0].Shape(i)[1..]))
            {
                throw new ModelException(ModelError.InvalidShape,
                    $"'{programs.Prefix.Outputs[i].Name}', where the models part, has the shape " +
                    $"[{string.Join(',', shape.ToArray())}] for {size} rows");
            }
        }
    }
}

/// <summary>One model's suffix in every batch size, and its part of the batch that runs.</summary>
internal sealed class SuffixSlots(PrefixSuffix suffix)
{
    private readonly List<(int Size, InstanceSlot Slot)> _slots = [];

    public PrefixSuffix Suffix => suffix;

    public SuffixBatch Batch { get; } = new(suffix);

    public IEnumerable<InstanceSlot> Slots => _slots.Select(pair => pair.Slot);

    /// <summary>The largest batch size that has a program; 0 while none has.</summary>
    public int Largest => _slots.Count > 0 ? _slots[^1].Size : 0;

    public InstanceSlot Add(CompiledModel program, DeviceClient client, int size)
    {
        var slot = new InstanceSlot(program, client);
        _slots.Add((size, slot));
        return slot;
    }

    /// <summary>The end of what was submitted, its outputs handed out: to be awaited once.</summary>
    public ValueTask<InferenceOutcome> Ending { get; private set; }

    /// <summary>Starts the suffix on its rows, where the batch has any.</summary>
    [SuppressMessage("Reliability", "CA2012", Justification = "It is awaited once, by who takes it.")]
    public void Submit(DeviceStream stream, CancellationToken cancellation)
    {
        Ending = new(new InferenceOutcome(InferenceStatus.Completed));
        if (Batch.Count == 0)
        {
            return;
        }

        Batch.ScatterMade();
        foreach (var (size, slot) in _slots)
        {
            if (size >= Batch.Rows)
            {
                Ending = slot.RunAsync(Batch, isBatched: true, stream, cancellation);
                return;
            }
        }
    }
}
