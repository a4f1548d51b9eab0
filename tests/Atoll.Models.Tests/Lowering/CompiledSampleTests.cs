using Atoll.Devices;

namespace Atoll.Models.Tests;

/// <summary>The sample models, small, compiled: the same answers as ONNX Runtime's.</summary>
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
    public void Compiled_sample_equals_ONNX_Runtime(string name, int? image)
    {
        OnnxRuntimePeer.SkipIfAbsent();
        using var folder = new ModelFolder();
        SampleModels.Create(name, folder.At("m.onnx"),
            new SampleModelOptions { Width = name == "digits" ? 1 : 0.25, Image = image });
        var proto = ModelFolder.Parse(folder.At("m.onnx"));
        var runs = Enumerable.Range(0, Runs).Select(seed => RandomInputs.For(proto, seed)).ToList();
        var expected = OnnxRuntimePeer.Run(folder.At("m.onnx"), runs);
        using var device = new CpuDevice(new CpuDeviceOptions { Units = 1 });
        using var model = ModelCompiler.Compile(OnnxModel.Load(folder.At("m.onnx")).Graph,
            new CompileOptions { CheckPlans = true });
        using var instance = model.Instantiate(device, null, [.. model.Inputs.Select(i => runs[0][i.Name].Shape)]);
        Assert.True(instance.Program.Analysis.AllIdempotent, "a kernel overwrites what it reads");
        for (var run = 0; run < Runs; run++)
        {
            var actual = CompiledRun.Run(instance, [.. model.Inputs.Select(i => runs[run][i.Name])]);
            for (var i = 0; i < actual.Length; i++)
            {
                var wanted = expected[run][model.Outputs[i].Name];
                var error = OnnxRuntimePeer.WorstError(wanted.AsSpan<float>(), actual[i].AsSpan<float>());
                Assert.True(error <= 1, $"{name}, run {run}: the error is {error:g3} times the tolerance");
            }
        }

        output.WriteLine($"{name}: {instance.Statistics}, {instance.Program.Kernels.Length} kernels");
    }
}
