using System.Runtime.InteropServices;
using Atoll.Devices;
using Atoll.Models;

namespace Atoll.Serving;

/// <summary>Batches of made-up requests, to measure and to check a replica before it serves.</summary>
internal static class MadeUpBatch
{
    /// <summary>
    /// One request of one row for each model's position and seed; the same seed gives the same request.
    /// </summary>
    public static LiveBatch Of(HostedUnit unit, IReadOnlyList<(int Member, int Seed)> requests)
    {
        var configuration = unit.Configuration;
        var batch = new LiveBatch
        {
            Class = configuration.Class,
            Priority = configuration.Class == WorkClass.RealTime ? 1 : configuration.Priority,
        };
        foreach (var (member, seed) in requests)
        {
            var model = unit.Members[member];
            var live = new LiveRequest(model.Own) { Member = member };
            live.Begin(RequestOf(model, seed), -1, 1, (TimeSpan.Zero, TimeSpan.MaxValue));
            batch.Add(live);
        }

        return batch;
    }

    private static InferenceRequest RequestOf(HostedModel model, int seed)
    {
        var random = new Random(seed);
        var request = new InferenceRequest
        {
            Inputs = [.. model.Whole.Inputs.Select(input => Filled(input, model.IsBatched, random))],
        };
        for (var i = 0; i < model.Whole.Outputs.Count; i++)
        {
            request.Outputs.Add(new OutputRequest(i, Binary: true));
        }

        return request;
    }

    /// <summary>Floats from 0 to 1, whole numbers 0 and 1: small enough for any table that they may index.</summary>
    private static InputTensor Filled(TensorSpec input, bool isBatched, Random random)
    {
        long[] shape = [.. input.Shape];
        if (isBatched)
        {
            shape[0] = 1;
        }

        var elements = checked((int)shape.Aggregate(1L, (a, b) => checked(a * b)));
        var size = input.Type.SizeInBytes();
        var data = new byte[checked(elements * size)];
        var floats = MemoryMarshal.Cast<byte, float>(data.AsSpan());
        for (var i = 0; i < elements; i++)
        {
            if (input.Type == ElementType.Float32)
            {
                floats[i] = random.NextSingle();
            }
            else if (input.Type is ElementType.Int64 or ElementType.Int32)
            {
                data[i * size] = (byte)random.Next(2);
            }
        }

        return new InputTensor(shape, data);
    }
}
