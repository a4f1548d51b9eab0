using Atoll.Devices;

namespace Atoll.Models.Tests;

/// <summary>
/// The operator sets 18 to 22, which no test data of the standard is at hand for, beside ONNX Runtime: the reference,
/// and what the product makes of the graph.
/// </summary>
public sealed class NewerOpsetPeerTests(ITestOutputHelper output)
{
    [Fact]
    public void Operators_of_the_newer_sets_equal_ONNX_Runtime()
    {
        OnnxRuntimePeer.SkipIfAbsent();
        List<string> faults = [];
        var cases = NewerOpsetCases.All.Select((c, seed) => Prepare(c, seed, faults)).OfType<Item>().ToList();
        var answers = OnnxRuntimePeer.RunAll([.. cases.Select(c => (c.Model,
            (IReadOnlyDictionary<string, Tensor>)c.Inputs))]);
        using var device = new CpuDevice(new CpuDeviceOptions { Units = 1 });
        var compared = 0;
        foreach (var (item, (expected, error)) in cases.Zip(answers))
        {
            if (error is not null)
            {
                output.WriteLine($"{item.Name}: ONNX Runtime cannot: {error.Split('\n')[0]}");
                continue;
            }

            compared++;
            if (Fault(item, expected, device) is { } fault)
            {
                faults.Add($"{item.Name}: {fault}");
            }
        }

        output.WriteLine($"{compared} of {cases.Count} cases compared");
        Assert.True(faults.Count == 0, string.Join('\n', faults));
        Assert.True(compared > cases.Count * 3 / 4, $"ONNX Runtime ran only {compared} of {cases.Count} cases");
    }

    [Fact]
    public void What_is_not_had_is_refused_by_name_and_operator_set()
    {
        foreach (var (name, opset, make) in NewerOpsetCases.Refused)
        {
            var builder = new GraphBuilder(1) { Opset = opset };
            var refused = Record.Exception(() => builder.Build(make(builder))) as ModelException;
            Assert.True(refused is not null, $"{name} was taken");
            Assert.Contains(name, refused.Message, StringComparison.Ordinal);
            Assert.Contains($"opset {opset}", refused.Message, StringComparison.Ordinal);
        }
    }

    /// <summary>A filter widened for shrinking sees the border repeated.</summary>
    [Fact]
    public void Resize_with_antialias_gives_the_standards_example()
    {
        var builder = new GraphBuilder(1) { Opset = 18 };
        var graph = builder.Build(builder.Op("Resize", [("mode", "linear"), ("antialias", 1L)],
            builder.Input(1, 1, 4, 4), null, builder.Of(Tensor.Float([4], [1, 1, 0.6f, 0.6f]))));
        var image = Tensor.Float([1, 1, 4, 4], [.. Enumerable.Range(1, 16).Select(i => (float)i)]);
        TensorAssert.Close(Tensor.Float([1, 1, 2, 2], [2.875f, 4.5f, 9.375f, 11]),
            ReferenceInterpreter.Run(graph, [image])[0], 1e-6, 0, "antialias");
    }

    private static string? Fault(Item item, Tensor[] expected, CpuDevice device)
    {
        try
        {
            Compare(expected, ReferenceInterpreter.Run(item.Graph, [.. item.Inputs.Values]), "reference");
            var product = ProductRun.Run(item.Graph, [.. item.Inputs.Values], device);
            Compare(expected, [.. product.Cast<Tensor>()], "product");
            return null;
        }
        catch (Exception e) when (e is ModelException or Xunit.Sdk.XunitException)
        {
            return e.Message;
        }
    }

    private static void Compare(Tensor[] expected, Tensor[] actual, string who)
    {
        for (var i = 0; i < expected.Length; i++)
        {
            TensorAssert.Close(expected[i], actual[i], 1e-3, 1e-4, $"{who}, output {i}");
        }
    }

    private static Item? Prepare(
        (string Name, int Opset, Func<GraphBuilder, GraphValue[]> Make) given, int seed, List<string> faults)
    {
        var builder = new GraphBuilder(seed) { Opset = given.Opset };
        Graph graph;
        try
        {
            graph = builder.Build(given.Make(builder));
        }
        catch (ModelException e)
        {
            faults.Add($"{given.Name} ({given.Opset}): {e.Message}");
            return null;
        }

        var inputs = CompiledRun.RandomInputs(graph.Inputs.Select(TensorSpec.Of), new Random(seed));
        return new Item($"{given.Name} ({given.Opset})", graph, GraphExport.ToOnnx(graph, given.Opset),
            graph.Inputs.Zip(inputs).ToDictionary(p => p.First.Name, p => p.Second));
    }

    private sealed record Item(string Name, Graph Graph, byte[] Model, Dictionary<string, Tensor> Inputs);
}
