using Atoll.Devices;

namespace Atoll.Models.Tests;

/// <summary>
/// Sample models compiled and launched on the CPU device, held to ONNX Runtime on random inputs: relative 1e-3,
/// absolute 1e-4.
/// </summary>
[Collection(DeviceAlone.Name)]
public sealed class CompiledSampleTests(ITestOutputHelper output)
{
    private const int Runs = 3;

    // Boxes are in pixels: 64 of them to one of the network's own units at the coarsest level.
    private const double PixelTolerance = 64e-4;

    [Theory]
    [InlineData("vgg19", 64)]
    [InlineData("resnet152", 64)]
    [InlineData("densenet201", 64)]
    [InlineData("inceptionv3", 107)]
    [InlineData("distilbert", null)]
    [InlineData("digits", null)]
    [InlineData("resnet50", 64)]
    [InlineData("mobilenetv2", 64)]
    [InlineData("efficientnetb0", 64)]
    [InlineData("squeezenet", 64)]
    [InlineData("bert", null)]
    [InlineData("gpt2", null)]
    [InlineData("vitb16", 64)]
    [InlineData("yolov5s", 96)]
    [InlineData("dlrm", null)]
    public void Compiled_sample_equals_ONNX_Runtime(string name, int? image) =>
        Compare(name, new SampleModelOptions { Width = name == "digits" ? 1 : 0.25, Image = image, Batch = 0 });

    /// <summary>Published image sizes, at the widths that the benchmarks take and at full size.</summary>
    [Theory]
    [InlineData("vgg19", 0.1875)]
    [InlineData("resnet152", 0.25)]
    [InlineData("densenet201", 0.25)]
    [InlineData("inceptionv3", 0.25)]
    [InlineData("distilbert", 0.25)]
    [InlineData("vgg19", 1)]
    [InlineData("resnet152", 1)]
    [InlineData("densenet201", 1)]
    [InlineData("inceptionv3", 1)]
    [InlineData("distilbert", 1)]
    [InlineData("resnet50", 1)]
    [InlineData("mobilenetv2", 1)]
    [InlineData("efficientnetb0", 1)]
    [InlineData("squeezenet", 1)]
    [InlineData("bert", 1)]
    [InlineData("gpt2", 1)]
    [InlineData("vitb16", 1)]
    [InlineData("yolov5s", 1)]
    [InlineData("dlrm", 1)]
    public void Compiled_sample_of_published_image_size_equals_ONNX_Runtime(string name, double width)
    {
        LongTests.SkipUnlessWanted();
        Compare(name, new SampleModelOptions { Width = width });
    }

    private void Compare(string name, SampleModelOptions options)
    {
        OnnxRuntimePeer.SkipIfAbsent();
        using var folder = new ModelFolder();
        SampleModels.Create(name, folder.At("m.onnx"), options);
        var proto = ModelFolder.Parse(folder.At("m.onnx"));
        int[] batches = options.Batch == 0 ? [1, 8] : [options.Batch];
        var runs = batches.SelectMany(batch =>
            Enumerable.Range(0, Runs).Select(seed => RandomInputs.For(proto, seed, batch))).ToList();
        var expected = OnnxRuntimePeer.Run(folder.At("m.onnx"), runs);
        using var model = ModelCompiler.Compile(OnnxModel.Load(folder.At("m.onnx")).Graph,
            new CompileOptions { CheckPlans = true });
        foreach (var units in (int[])[1, Math.Min(2, ThreadScheduling.AllowedCpus().Count)])
        {
            using var device = new CpuDevice(new CpuDeviceOptions { Units = units });
            for (var first = 0; first < runs.Count; first += Runs)
            {
                Compare($"{name} at width {options.Width}, batch {batches[first / Runs]}, {units} units", model, device,
                    [.. runs[first..(first + Runs)].Zip(expected[first..(first + Runs)])]);
            }
        }
    }

    private void Compare(string what, CompiledModel model, CpuDevice device,
        List<(Dictionary<string, Tensor> Inputs, Dictionary<string, Tensor> Expected)> runs)
    {
        using var instance =
            model.Instantiate(device, null, [.. model.Inputs.Select(i => runs[0].Inputs[i.Name].Shape)]);
        Assert.True(instance.Program.Analysis.AllIdempotent, "a kernel overwrites what it reads");
        var worst = runs.Max(run =>
        {
            var actual = CompiledRun.Launch(instance, [.. model.Inputs.Select(i => run.Inputs[i.Name])]);
            return actual.Index().Max(o => OnnxRuntimePeer.WorstError(
                run.Expected[model.Outputs[o.Index].Name].AsSpan<float>(), o.Item.AsSpan<float>(),
                absolute: model.Outputs[o.Index].Name == "detections" ? PixelTolerance : 1e-4));
        });
        output.WriteLine($"{what}: worst error {worst:g3} of the tolerance; {instance.Statistics}, " +
            $"{instance.Program.Kernels.Length} kernels");
        Assert.True(worst <= 1, $"{what}: worst error is {worst:g3} times the tolerance");
    }
}
