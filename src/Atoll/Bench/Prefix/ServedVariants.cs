using System.Runtime.InteropServices;
using Atoll.Devices;
using Atoll.Models;
using Atoll.Serving;
using Microsoft.Extensions.Logging.Abstractions;

namespace Atoll;

/// <summary>Variants of one backbone in the sessions of one director.</summary>
internal sealed class ServedVariants : IAsyncDisposable
{
    private readonly SessionDirector _director;
    private readonly List<IServedModel> _models = [];

    public ServedVariants(CpuDevice device, TimeProvider clock, double share)
    {
        _director = new SessionDirector(
            [new DeviceBackend(device)], new SessionDirectorOptions { PrefixShare = share }, clock,
            NullLoggerFactory.Instance);
    }

    /// <summary>Growth of the process's resident memory with all variants loaded, measured and garbage freed.</summary>
    public long ResidentBytes { get; private set; }

    /// <summary>The prefixes that the variants share.</summary>
    public IReadOnlyList<string> Prefixes =>
        [.. _director.Status.Sessions.Select(session => session.Prefix).OfType<string>().Distinct()];

    public async Task LoadAsync(
        PrefixOptions options, int maxBatch, Action<string> progress, CancellationToken cancellation)
    {
        var before = Resident();
        var folder = Directory.CreateTempSubdirectory("atoll-prefix-");
        try
        {
            for (var variant = 0; variant < options.Variants; variant++)
            {
                progress($"loading variant {variant + 1} of {options.Variants}");
                var path = Path.Combine(folder.FullName, $"variant{variant}.onnx");
                SampleModels.Create(options.Model, path, new SampleModelOptions
                {
                    Width = options.Width, Image = options.Image, Batch = 0, HeadSeed = 1000 + variant,
                });
                _models.Add(await _director.LoadAsync(
                    new ModelSource($"variant{variant}", "1", path, null),
                    new ModelConfiguration
                    {
                        Class = WorkClass.RealTime, MaxBatchSize = maxBatch, QueueCapacity = 4096,
                    },
                    ModelLimits.Default, cancellation));
            }
        }
        finally
        {
            folder.Delete(recursive: true);
        }

        ResidentBytes = Resident() - before;
    }

    public async Task<float[]> AnswerAsync(int variant, int seed, CancellationToken cancellation)
    {
        var model = _models[variant];
        var input = model.Metadata.Inputs[0];
        long[] shape = [1, .. input.Shape.Skip(1)];
        var data = new byte[shape.Aggregate((long)input.Type.SizeInBytes(), (size, dimension) => size * dimension)];
        RandomInput.Fill(input.Name, input.Type, data, new Random(seed));
        var request = new InferenceRequest { Inputs = [new InputTensor(shape, data)], Class = WorkClass.RealTime };
        request.Outputs.Add(new OutputRequest(0, Binary: true));
        var outcome = await model.InferAsync(request, cancellation);
        if (outcome.Status != InferenceStatus.Completed)
        {
            throw new InvalidOperationException($"a request ended {outcome.Status}: {outcome.Reason}");
        }

        using var outputs = outcome.Outputs!;
        return MemoryMarshal.Cast<byte, float>(outputs.Data(0)).ToArray();
    }

    public ValueTask DisposeAsync() => _director.DisposeAsync();

    private static long Resident()
    {
        GC.Collect(GC.MaxGeneration, GCCollectionMode.Aggressive, blocking: true, compacting: true);
        return Environment.WorkingSet;
    }
}
