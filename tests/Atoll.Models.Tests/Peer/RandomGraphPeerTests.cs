using Atoll.Devices;

namespace Atoll.Models.Tests;

/// <summary>
/// 500 random networks, each with its seed, compiled for one and for two compute units, beside ONNX Runtime. The
/// tolerance is the stated one: 1e-3 relative or 1e-4 absolute.
/// </summary>
public sealed class RandomGraphPeerTests(ITestOutputHelper output)
{
    private const int PerNetwork = 100;
    private const int FirstSeed = 1000;

    [Theory]
    [MemberData(nameof(CompiledGraphTests.Names), MemberType = typeof(CompiledGraphTests))]
    public void Random_network_equals_ONNX_Runtime(string name)
    {
        OnnxRuntimePeer.SkipIfAbsent();
        var seeds = Enumerable.Range(FirstSeed, PerNetwork).ToList();
        var graphs = seeds.ConvertAll(seed => CompiledGraphTests.Network(name, seed));
        var inputs = graphs.Zip(seeds, (graph, seed) => CompiledRun.RandomInputs(
            graph.Inputs.Select(TensorSpec.Of), new Random(seed))).ToList();
        var answers = OnnxRuntimePeer.RunAll([.. graphs.Zip(inputs, (graph, values) => (
            GraphExport.ToOnnx(graph, graph.Nodes[0].Opset),
            (IReadOnlyDictionary<string, Tensor>)graph.Inputs.Zip(values)
                .ToDictionary(p => p.First.Name, p => p.Second)))]);
        using var one = new CpuDevice(new CpuDeviceOptions { Units = 1 });
        using var all =
            new CpuDevice(new CpuDeviceOptions { Units = Math.Min(2, ThreadScheduling.AllowedCpus().Count) });
        var worst = 0.0;
        for (var i = 0; i < seeds.Count; i++)
        {
            Assert.True(answers[i].Error is null, $"{name}, seed {seeds[i]}: {answers[i].Error}");
            using var model = ModelCompiler.Compile(graphs[i]);
            foreach (var device in (CpuDevice[])[one, all])
            {
                var error = Worst(model, inputs[i], device, answers[i].Outputs);
                Assert.True(error <= 1,
                    $"{name}, seed {seeds[i]}, {device.Units} units: {error:g3} times the tolerance");
                worst = Math.Max(worst, error);
            }
        }

        output.WriteLine($"{name}: {seeds.Count} networks, worst {worst:g3} of the tolerance");
    }

    private static double Worst(CompiledModel model, Tensor[] inputs, CpuDevice device, Tensor[] expected)
    {
        using var instance = model.Instantiate(device);
        return CompiledRun.Launch(instance, inputs).Zip(expected).Max(pair =>
        {
            Assert.Equal(pair.Second.Shape, pair.First.Shape);
            return OnnxRuntimePeer.WorstError(pair.Second.AsSpan<float>(), pair.First.AsSpan<float>());
        });
    }
}
