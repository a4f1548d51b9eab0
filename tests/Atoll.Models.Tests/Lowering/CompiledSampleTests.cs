using Atoll.Devices;

namespace Atoll.Models.Tests;

/// <summary>
/// Sample models compiled and launched on the CPU device, held to ONNX Runtime on random inputs: relative 1e-3,
/// absolute 1e-4.
/// </summary>
[Collection(DeviceAlone.Name)]
public sealed class CompiledSampleTests(ITestOutputHelper output)
{
    private const int Runs = 5;

    [Theory]
    [InlineData("vgg19", 64)]
    [InlineData("resnet152", 64)]
    [InlineData("densenet201", 64)]
    [InlineData("inceptionv3", 107)]
    [InlineData("distilbert", null)]
    [InlineData("digits", null)]
    public void Compiled_sample_equals_ONNX_Runtime(string name, int? image) =>
        Compare(name, new SampleModelOptions { Width = name == "digits" ? 1 : 0.25, Image = image });

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
        var runs = Enumerable.Range(0, Runs).Select(seed => RandomInputs.For(proto, seed)).ToList();
        var expected = OnnxRuntimePeer.Run(folder.At("m.onnx"), runs);
        using var device = new CpuDevice(new CpuDeviceOptions());
        using var model = ModelCompiler.Compile(OnnxModel.Load(folder.At("m.onnx")).Graph,
            new CompileOptions { CheckPlans = true });
        using var instance = model.Instantiate(device, null, [.. model.Inputs.Select(i => runs[0][i.Name].Shape)]);
        Assert.True(instance.Program.Analysis.AllIdempotent, "a kernel overwrites what it reads");
        var worst = Enumerable.Range(0, Runs).Max(run =>
        {
            var actual = CompiledRun.Launch(instance, [.. model.Inputs.Select(i => runs[run][i.Name])]);
            return actual.Index().Max(o => OnnxRuntimePeer.WorstError(
                expected[run][model.Outputs[o.Index].Name].AsSpan<float>(), o.Item.AsSpan<float>()));
        });
        output.WriteLine(
            $"{name} at width {options.Width}: worst error {worst:g3} of the tolerance over {Runs} runs; " +
            $"{instance.Statistics}, {instance.Program.Kernels.Length} kernels, {device.Units} units");
        Assert.True(worst <= 1,
            $"{name} at width {options.Width}: worst error is {worst:g3} times the tolerance");
    }
}
