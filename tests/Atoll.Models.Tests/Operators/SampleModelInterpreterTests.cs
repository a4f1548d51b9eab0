using System.Runtime.InteropServices;

namespace Atoll.Models.Tests;

/// <summary>
/// The whole front half on the sample models: read, infer, simplify, interpret; ONNX Runtime is the truth.
/// </summary>
public sealed class SampleModelInterpreterTests(ITestOutputHelper output)
{
    [Theory]
    [InlineData("vgg19", 64)]
    [InlineData("resnet152", 64)]
    [InlineData("densenet201", 64)]
    [InlineData("inceptionv3", 139)]
    [InlineData("distilbert", null)]
    public void Interpreter_equals_ONNX_Runtime(string name, int? image)
    {
        OnnxRuntimePeer.SkipIfAbsent();
        using var folder = new ModelFolder();
        SampleModels.Create(name, folder.At("m.onnx"), new SampleModelOptions { Width = 0.125, Image = image });
        var inputs = RandomInputs.For(ModelFolder.Parse(folder.At("m.onnx")), seed: 3);
        var graph = OnnxModel.Load(folder.At("m.onnx")).Graph;
        Assert.All(graph.Nodes.SelectMany(n => n.Outputs.OfType<GraphValue>()), v => Assert.True(v.IsStatic, $"{v}"));
        GraphSimplifier.Run(graph);
        var actual = ReferenceInterpreter.Run(graph, [.. graph.Inputs.Select(i => inputs[i.Name])]);
        var expected = OnnxRuntimePeer.Run(folder.At("m.onnx"), [inputs])[0];
        var worst = OnnxRuntimePeer.WorstError(
            MemoryMarshal.Cast<byte, float>(expected[graph.Outputs[0].Name].Data), actual[0].AsSpan<float>());
        output.WriteLine($"{name}: worst error is {worst:g3} of the tolerance; {graph.Nodes.Count} nodes");
        Assert.True(worst <= 1, $"{name}: worst error is {worst:g3} of the tolerance");
    }
}
