namespace Atoll.Models.Tests;

public sealed class SampleModelsTests(ITestOutputHelper output)
{
    [Theory]
    [InlineData("vgg19", 143_667_240)]
    [InlineData("resnet152", 60_192_808)]
    [InlineData("densenet201", 20_013_928)]
    [InlineData("inceptionv3", 23_834_568)]
    [InlineData("distilbert", 66_362_880)]
    [InlineData("resnet50", 25_557_032)]
    [InlineData("mobilenetv2", 3_504_872)]
    [InlineData("efficientnetb0", 5_288_548)]
    [InlineData("squeezenet", 1_235_496)]
    [InlineData("bert", 109_482_240)]
    [InlineData("gpt2", 124_439_808)]
    [InlineData("vitb16", 86_567_656)]
    [InlineData("yolov5s", 7_235_389)]
    [InlineData("dlrm", 35_648_897)]
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

    /// <summary>Multiply-adds in millions, as torchvision and the publications state them.</summary>
    [Theory]
    [InlineData("vgg19", 19_630)]
    [InlineData("resnet152", 11_510)]
    [InlineData("densenet201", 4_290)]
    [InlineData("inceptionv3", 5_710)]
    [InlineData("resnet50", 4_090)]
    [InlineData("mobilenetv2", 300)]
    [InlineData("efficientnetb0", 390)]
    [InlineData("squeezenet", 350)]
    [InlineData("vitb16", 17_560)]
    [InlineData("bert", 11_170)]
    [InlineData("yolov5s", 8_250)]
    public void Full_size_model_has_the_published_work(string name, double millions)
    {
        using var folder = new ModelFolder();
        SampleModels.Create(name, folder.At("m.onnx"), new SampleModelOptions());
        var work = ModelInspection.Read(folder.At("m.onnx")).Flops / 2e6;
        Assert.NotNull(work);
        Assert.InRange(work.Value / millions, 0.98, 1.06);
    }

    [Theory]
    [InlineData("vgg19", 0.25)]
    [InlineData("resnet152", 0.25)]
    [InlineData("densenet201", 0.25)]
    [InlineData("inceptionv3", 0.25)]
    [InlineData("distilbert", 0.25)]
    [InlineData("resnet50", 0.25)]
    [InlineData("mobilenetv2", 0.25)]
    [InlineData("efficientnetb0", 0.25)]
    [InlineData("squeezenet", 0.25)]
    [InlineData("bert", 0.0625)]
    [InlineData("gpt2", 0.0625)]
    [InlineData("vitb16", 0.0625)]
    [InlineData("yolov5s", 0.25)]
    [InlineData("dlrm", 0.25)]
    public void Two_inputs_give_clearly_different_outputs_in_ONNX_Runtime(string name, double width)
    {
        OnnxRuntimePeer.SkipIfAbsent();
        using var folder = new ModelFolder();
        SampleModels.Create(name, folder.At("m.onnx"), new SampleModelOptions { Width = width });
        var model = ModelFolder.Parse(folder.At("m.onnx"));
        var first = RandomInputs.For(model, seed: 1);
        var outputs = OnnxRuntimePeer.Run(
            folder.At("m.onnx"), [first, RandomInputs.For(model, seed: 2), RandomInputs.Nudge(first, 1e-5f)]);
        var values = outputs.Select(o => o.Values.First().AsSpan<float>().ToArray()).ToList();
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
