using System.Globalization;

namespace Atoll.Models;

/// <summary>
/// Sample models with 8-bit weights, as quantization tools write them: convolutional networks with QuantizeLinear and
/// DequantizeLinear around each operator, ranges calibrated on seeded inputs; transformers with
/// DynamicQuantizeLinear and MatMulInteger. Weights are signed with one scale per output channel, activations unsigned.
/// </summary>
internal static class QuantizedModels
{
    public const string Suffix = "-int8";

    private static readonly string[] Convolutional = ["resnet50", "mobilenetv2"];

    private static readonly string[] Transformers = ["distilbert", "bert"];

    public static IReadOnlyList<string> Names { get; } =
        [.. Convolutional.Concat(Transformers).Select(name => name + Suffix)];

    public static string BaseName(string name) => name[..^Suffix.Length];

    /// <summary>Makes the model of floats beside the target first, and removes it again.</summary>
    public static SampleModelReport Create(
        string name, string path, SampleModelOptions options, IProgress<long>? progress)
    {
        var source = BaseName(name);
        var floats = $"{path}.{Environment.ProcessId}.floats";
        try
        {
            var made = SampleModels.Create(source, floats, options with { ExternalData = false }, progress);
            var graph = GraphSpecializer.Copy(OnnxModel.Load(floats).Graph);
            ShapeInference.Run(graph);
            GraphSimplifier.Run(graph);
            new NoOpRemoval().Apply(graph);
            new AffineFolding().Apply(graph);
            if (Transformers.Contains(source))
            {
                DynamicQuantizer.Apply(graph);
            }
            else
            {
                StaticQuantizer.Apply(graph, RangeCalibration.Measure(graph, options.Seed));
            }

            var model = GraphWriter.ToBuilder(graph, name);
            model.Metadata("atoll.architecture", made.Architecture);
            model.Metadata("atoll.source", "made by 'atoll model create'");
            model.Metadata("atoll.parameters", made.Parameters.ToString(CultureInfo.InvariantCulture));
            var writer = new OnnxWriter(model, path) { ExternalData = options.ExternalData, Progress = progress };
            return made with
            {
                Name = name, Path = path, Architecture = $"{made.Architecture}, 8 bits", Bytes = writer.Write(),
                Nodes = model.Graph.Node.Count, Options = options,
            };
        }
        finally
        {
            File.Delete(floats);
        }
    }
}
