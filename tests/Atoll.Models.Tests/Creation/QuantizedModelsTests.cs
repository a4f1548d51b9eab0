using Atoll.Devices;

namespace Atoll.Models.Tests;

/// <summary>
/// Sample models of 8 bits: they are written as other tools write them, and compile to kernels of bytes.
/// </summary>
public sealed class QuantizedModelsTests
{
    public static TheoryData<string> Names => [.. SampleModels.QuantizedNames];

    [Theory]
    [MemberData(nameof(Names))]
    public void A_compiled_quantized_model_is_near_its_reference_and_computes_with_bytes(string name)
    {
        using var folder = new ModelFolder();
        var options = new SampleModelOptions
        {
            Width = 0.125, Image = SampleModels.HasImageSize(name) ? 64 : null, Batch = 1,
        };
        var report = SampleModels.Create(name, folder.At("m.onnx"), options);
        Assert.Equal(name, report.Name);
        var graph = OnnxModel.Load(folder.At("m.onnx")).Graph;
        using var device = new CpuDevice(new CpuDeviceOptions { Units = 1 });
        using var model = ModelCompiler.Compile(graph, CompileOptions.Default with { CheckPlans = true });
        using var instance = model.Instantiate(device);
        Assert.True(instance.Program.Analysis.AllIdempotent, "a kernel overwrites what it reads");
        var inputs = CompiledRun.RandomInputs(model.Inputs, new Random(1));

        var actual = CompiledRun.Run(instance, inputs);

        var expected = ReferenceInterpreter.Run(graph, inputs);
        // Roundings of floats in another order move a quantized number by a step, which later layers carry on.
        Assert.InRange(Distance(expected[0], actual[0]), 0, 0.1);
        var floats = instance.Program.Kernels.Count(k => k.Name.EndsWith("_dequantize", StringComparison.Ordinal));
        Assert.InRange(floats, 0, 3);
        Assert.True(instance.Program.Kernels.Count(k => k.GetType().Name.StartsWith("Byte", StringComparison.Ordinal)) >
            (name.Contains("bert", StringComparison.Ordinal) ? 30 : 50), "no kernels of bytes");
    }

    [Fact]
    public void The_same_seed_gives_the_same_quantized_file()
    {
        using var folder = new ModelFolder();
        var options = new SampleModelOptions { Width = 0.05, Image = 32 };
        SampleModels.Create("mobilenetv2-int8", folder.At("a.onnx"), options);
        SampleModels.Create("mobilenetv2-int8", folder.At("b.onnx"), options);

        Assert.Equal(File.ReadAllBytes(folder.At("a.onnx")), File.ReadAllBytes(folder.At("b.onnx")));
        Assert.Equal(2, folder.Files.Count());
    }

    // Root of the squared differences over that of the values.
    private static double Distance(Tensor expected, Tensor actual)
    {
        var e = expected.AsSpan<float>();
        var a = actual.AsSpan<float>();
        var (difference, size) = (0.0, 0.0);
        for (var i = 0; i < e.Length; i++)
        {
            difference += Math.Pow((double)a[i] - e[i], 2);
            size += Math.Pow(e[i], 2);
        }

        return Math.Sqrt(difference / size);
    }
}
