using System.Runtime.InteropServices;
using Atoll.Models;

namespace Atoll.Serving;

/// <summary>
/// Checks by running it that a model can be batched: a request must get the same answer beside others as alone. A model
/// that normalizes or sums over its first dimension has open shapes too, and would mix the requests.
/// </summary>
internal static class BatchCheck
{
    /// <summary>Batch sizes round differently; neighbours that matter change an answer by far more.</summary>
    private const float Tolerance = 1e-2f;

    /// <exception cref="ServingException">An answer depends on the other requests of its batch; names the output.
    /// </exception>
    public static async Task RequireIndependentAsync(HostedUnit unit, IReplica replica)
    {
        for (var member = 0; replica.Sizes[^1] >= 2 && member < unit.Members.Count; member++)
        {
            // What was checked as a part of the group before does not depend on who else comes.
            if (unit.Members[member].IsBatched && unit.Earlier?.Members.Contains(unit.Members[member]) != true)
            {
                await RequireIndependentAsync(unit, member, replica);
            }
        }
    }

    private static async Task RequireIndependentAsync(HostedUnit unit, int member, IReplica replica)
    {
        var model = unit.Members[member];
        var other = (member + 1) % unit.Members.Count;
        var alone = await RunAsync(model, replica, MadeUpBatch.Of(unit, [(member, 0)]));
        var beside = await RunAsync(model, replica, MadeUpBatch.Of(unit, [(member, 0), (other, 1)]));
        for (var i = 0; i < model.Whole.Outputs.Count; i++)
        {
            var output = model.Whole.Outputs[i];
            if (Differ(output.Type, alone.Data(i), beside.Data(i)))
            {
                throw new ServingException(ServingError.ModelNotServable,
                    $"model '{model.Name}' cannot be batched: output '{output.Name}' of a request depends on the " +
                        $"other " +
                    "requests of its batch (setting max_batch_size of config.json)");
            }
        }
    }

    private static async Task<LiveRequest> RunAsync(HostedModel model, IReplica replica, LiveBatch batch)
    {
        var outcome = await replica.RunAsync(batch, CancellationToken.None);
        await CompletionThreads.LeaveAsync();
        return outcome.Status == InferenceStatus.Completed
            ? batch.Requests[0]
            : throw new ServingException(ServingError.ModelNotServable,
                $"model '{model.Name}' failed with a batch of {batch.Rows}: {outcome.Status} {outcome.Reason}");
    }

    /// <summary>Numbers with a fraction differ by more than rounding, all others at all.</summary>
    internal static bool Differ(ElementType type, ReadOnlySpan<byte> first, ReadOnlySpan<byte> second)
    {
        if (first.Length != second.Length ||
            type is not (ElementType.Float32 or ElementType.Float64 or ElementType.Float16 or ElementType.BFloat16))
        {
            return !first.SequenceEqual(second);
        }

        var size = type.SizeInBytes();
        var largest = 0.0;
        var difference = 0.0;
        for (var at = 0; at < first.Length; at += size)
        {
            var (a, b) = (Value(type, first[at..]), Value(type, second[at..]));

            // What is not a number says nothing about neighbours.
            if (double.IsFinite(a) && double.IsFinite(b))
            {
                largest = Math.Max(largest, Math.Abs(a));
                difference = Math.Max(difference, Math.Abs(a - b));
            }
        }

        return difference > Tolerance * largest;
    }

    private static double Value(ElementType type, ReadOnlySpan<byte> at) => type switch
    {
        ElementType.Float32 => MemoryMarshal.Read<float>(at),
        ElementType.Float64 => MemoryMarshal.Read<double>(at),
        ElementType.Float16 => (double)MemoryMarshal.Read<Half>(at),
        _ => BitConverter.Int32BitsToSingle(MemoryMarshal.Read<short>(at) << 16),
    };
}
