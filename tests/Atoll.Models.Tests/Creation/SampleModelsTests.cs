namespace Atoll.Models.Tests;

public sealed class SampleModelsTests(ITestOutputHelper output)
{
    [Theory]
    [InlineData("vgg19", 143_667_240)]
    [InlineData("resnet152", 60_192_808)]
    [InlineData("densenet201", 20_013_928)]
    [InlineData("inceptionv3", 23_834_568)]
    [InlineData("distilbert", 66_362_880)]
    public void Full_size_model_has_the_published_parameter_count(string name, long parameters)
    {
        using var folder = new ModelFolder();
        var report = SampleModels.Create(name, folder.At("m.onnx"), new SampleModelOptions());
        var model = ModelFolder.Parse(folder.At("m.onnx"));
        Assert.Equal(parameters, report.Parameters);
        Assert.Equal(parameters, ModelFolder.CountParameters(model));
        Assert.Equal(report.Nodes, model.Graph.Node.Count);
        Assert.Equal(report.Bytes, new FileInfo(folder.At("m.onnx")).Length);
        Assert.All(model.Graph.Initializer, t => Assert.Equal(
            t.Dims.Aggregate(1L, (a, b) => a * b) * ((ElementType)t.DataType).SizeInBytes(), t.RawData.Length));
    }

    [Theory]
    [InlineData("vgg19", 0.25)]
    [InlineData("resnet152", 0.25)]
    [InlineData("densenet201", 0.25)]
    [InlineData("inceptionv3", 0.25)]
    [InlineData("distilbert", 0.25)]
    public void Two_inputs_give_clearly_different_outputs_in_ONNX_Runtime(string name, double width)
    {
        OnnxRuntimePeer.SkipIfAbsent();
        using var folder = new ModelFolder();
        SampleModels.Create(name, folder.At("m.onnx"), new SampleModelOptions { Width = width });
        var model = ModelFolder.Parse(folder.At("m.onnx"));
        var first = RandomInputs.For(model, seed: 1);
        var outputs = OnnxRuntimePeer.Run(
            folder.At("m.onnx"), [first, RandomInputs.For(model, seed: 2), RandomInputs.Nudge(first, 1e-5f)]);
        var values = outputs.Select(o => o.Values.Single().AsSpan<float>().ToArray()).ToList();
        var apart = Distance(values[0], values[1]);
        var nudged = Distance(values[0], values[2]);
        var scale = Math.Sqrt(values[0].Average(v => (double)v * v));
        output.WriteLine($"{name}: rms {scale:g4}, distance {apart:g4}, after 1e-5 in the input {nudged:g4}");
        Assert.InRange(scale, 0.01, 1000);
        Assert.True(apart > 0.05, $"{name}: outputs for two random inputs are only {apart:g3} apart");
        Assert.True(nudged < 1e-3, $"{name}: a relative change of 1e-5 in the input changes the output by {nudged:g3}");
    }

    private static double Distance(float[] a, float[] b)
    {
        var difference = a.Zip(b, (x, y) => ((double)x - y) * ((double)x - y)).Sum();
        return Math.Sqrt(difference / a.Sum(x => (double)x * x));
    }
}
