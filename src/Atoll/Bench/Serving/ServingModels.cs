using System.Globalization;
using System.Runtime.InteropServices;
using Atoll.Devices;
using Atoll.Models;
using Atoll.Serving;

namespace Atoll;

/// <summary>One load of the bench: a session or a query with its client's input.</summary>
internal sealed record ServingLoad(string Name, IServedModel Model, TimeSpan Objective)
{
    /// <summary>The sessions behind it, with the requests that one of its own brings each.</summary>
    public required IReadOnlyList<string> Sessions { get; init; }
}

/// <summary>
/// Three sample models and a query of two of them, served in sessions. The objectives leave room for batches on one
/// core.
/// </summary>
internal static class ServingModels
{
    public const string Query = "cascade";

    private const int MaxBatch = 8;

    private static readonly (string Name, double Width, int? Image, double ObjectiveMs)[] Models =
    [
        ("inceptionv3", 0.125, 75, 60),
        ("vgg19", 0.125, 64, 100),
        ("resnet152", 0.125, 64, 150),
    ];

    /// <summary>Every query runs the first stage and, by its threshold, about every other one the second.</summary>
    private const string QueryText = """
        objective_ms: 250
        expected_rate: 1
        stages:
          - name: first
            model: vgg19
            inputs: {input: image}
          - name: second
            model: resnet152
            inputs: {input: image}
            when: {output: first.logits, index: 0, at_least: -1000000, probability: 1}
        outputs:
          coarse: first.logits
          fine: second.logits
        """;

    public static async Task<IReadOnlyList<ServingLoad>> LoadAsync(
        SessionDirector director, Action<string> progress, CancellationToken cancellation)
    {
        var loads = new List<ServingLoad>();
        foreach (var (name, width, image, objectiveMs) in Models)
        {
            progress($"loading and measuring {name}");
            var configuration = new ModelConfiguration
            {
                Class = WorkClass.RealTime, MaxBatchSize = MaxBatch, ObjectiveMs = objectiveMs, QueueCapacity = 4096,
            };
            var source = new ModelSource(name, "1", PathOf(name, width, image), null);
            loads.Add(new ServingLoad(
                name, await director.LoadAsync(source, configuration, ModelLimits.Default, cancellation),
                TimeSpan.FromMilliseconds(objectiveMs)) { Sessions = [name] });
        }

        var query = PipelineFile.Parse(QueryText, Query, "bench");
        loads.Add(new ServingLoad(Query, await director.LoadQueryAsync(query, cancellation), query.Objective)
        {
            Sessions = [.. query.Stages.Select(stage => $"{Query}/{stage.Name}")],
        });
        return loads;
    }

    /// <summary>An input that the client sends again and again.</summary>
    public static InputTensor[] InputOf(ServingLoad load)
    {
        var random = new Random(1);
        return [.. load.Model.Metadata.Inputs.Select(input =>
        {
            long[] shape = [1, .. input.Shape[1..]];
            var values = new float[shape.Aggregate(1L, (a, b) => a * b)];
            for (var i = 0; i < values.Length; i++)
            {
                values[i] = random.NextSingle();
            }

            return new InputTensor(shape, MemoryMarshal.AsBytes(values.AsSpan()).ToArray());
        })];
    }

    private static string PathOf(string name, double width, int? image)
    {
        var file = string.Create(CultureInfo.InvariantCulture, $"{name}-w{width:0.####}-i{image ?? 0}-open.onnx");
        var path = Path.Combine(SampleModelCache.Folder, file);
        if (!File.Exists(path))
        {
            // Made under another name first: a model that was stopped halfway must not be taken for whole.
            var unfinished = $"{path}.{Environment.ProcessId}.unfinished";
            SampleModels.Create(
                name, unfinished, new SampleModelOptions { Width = width, Image = image, Batch = 0 });
            File.Move(unfinished, path, overwrite: true);
        }

        return path;
    }
}
