using Atoll.Devices;
using Atoll.Models;

namespace Atoll.Serving;

/// <summary>Where the first profile of a model on a device comes from.</summary>
internal static class SessionProfiles
{
    /// <summary>
    /// The file `NAME.profile` beside the model, where it covers every batch size that the replica has; else null.
    /// </summary>
    /// <exception cref="ServingException">The file is there and is no profile.</exception>
    public static BatchProfile? Read(HostedModel model, IReplica replica, string device)
    {
        var path = Path.ChangeExtension(model.Source.Source.Path, ".profile");
        if (!File.Exists(path))
        {
            return null;
        }

        var file = BatchProfileFile.Read(path);
        if (file.MaxBatch < replica.Sizes[^1])
        {
            return null;
        }

        var points = replica.Sizes.Select(size => new ProfilePoint(
            size, file.Latency(size), TimeSpan.Zero, replica.MemoryBytes));
        return new BatchProfile(model.Name, device, [.. points], ProfileMeasurement.Options);
    }

    /// <summary>Runs every batch size of the replica on made-up inputs.</summary>
    public static async Task<BatchProfile> MeasureAsync(
        HostedModel model, IReplica replica, string device, TimeProvider clock)
    {
        var batches = replica.Sizes.Select(size => BatchOf(model, size)).ToArray();
        var profile = await ProfileMeasurement.RunAsync(replica, (model.Name, device), batches, clock);
        return profile;
    }

    private static ReplicaBatch BatchOf(HostedModel model, int size)
    {
        var configuration = model.Source.Configuration;
        var batch = new ReplicaBatch
        {
            Class = configuration.Class,
            Priority = configuration.Class == WorkClass.RealTime ? 1 : configuration.Priority,
        };
        for (var i = 0; i < size; i++)
        {
            var live = new LiveRequest(model.Own);
            live.Begin(RequestOf(model, i), -1, 1, (TimeSpan.Zero, TimeSpan.MaxValue));
            batch.Add(live);
        }

        return batch;
    }

    private static InferenceRequest RequestOf(HostedModel model, int seed)
    {
        var random = new Random(seed);
        var request = new InferenceRequest
        {
            Inputs = [.. model.Source.Model.Inputs.Select(input => Filled(input, model.IsBatched, random))],
        };
        for (var i = 0; i < model.Source.Model.Outputs.Count; i++)
        {
            request.Outputs.Add(new OutputRequest(i, Binary: true));
        }

        return request;
    }

    private static InputTensor Filled(TensorSpec input, bool isBatched, Random random)
    {
        long[] shape = [.. input.Shape];
        if (isBatched)
        {
            shape[0] = 1;
        }

        var elements = shape.Aggregate(1L, (a, b) => checked(a * b));
        var data = new byte[checked(elements * input.Type.SizeInBytes())];
        if (input.Type == ElementType.Float32)
        {
            var values = System.Runtime.InteropServices.MemoryMarshal.Cast<byte, float>(data.AsSpan());
            for (var i = 0; i < values.Length; i++)
            {
                values[i] = random.NextSingle();
            }
        }

        return new InputTensor(shape, data);
    }
}
