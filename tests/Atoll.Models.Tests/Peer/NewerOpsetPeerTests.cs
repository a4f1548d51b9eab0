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
