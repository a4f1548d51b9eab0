using Atoll.Devices;

namespace Atoll.Models.Tests;

/// <summary>ONNX's own test data through the compiled path.</summary>
public sealed class CompiledTestDataTests(CompiledTestDataTests.SharedDevice shared)
    : IClassFixture<CompiledTestDataTests.SharedDevice>
{
    public static IEnumerable<TheoryDataRow<string>> RequiredTests =>
        OnnxTestData.Rows("pytorch-converted", "pytorch-operator", "simple");

    public static IEnumerable<TheoryDataRow<string>> NodeTests => OnnxTestData.Rows("node");

    [Theory]
    [MemberData(nameof(RequiredTests))]
    public void Compiled_model_gives_the_expected_outputs(string name) => OnnxTestData.Run(name, Compute);

    /// <summary>Single operators; forms that cannot be compiled skip with the compiler's reason.</summary>
    [Theory]
    [MemberData(nameof(NodeTests))]
    public void Compiled_operator_gives_the_expected_outputs(string name)
    {
        Assert.SkipWhen(UnhadNodeTests.Reason(name) is not null, UnhadNodeTests.Reason(name) ?? "");
        try
        {
            OnnxTestData.Run(name, Compute);
        }
        catch (ModelException e) when (e.Error is
            ModelError.UnsupportedOperator or ModelError.UnsupportedType or ModelError.InvalidShape)
        {
            Assert.Skip($"not compiled: {e.Message}");
        }
    }

    private Tensor[] Compute(Graph graph, Tensor[] inputs)
    {
        using var model = ModelCompiler.Compile(graph, new CompileOptions { CheckPlans = true });
        using var instance = model.Instantiate(shared.Device);
        Assert.True(instance.Program.Analysis.AllIdempotent, "a kernel overwrites what it reads");
        return CompiledRun.Run(instance, inputs);
    }

    public sealed class SharedDevice : IDisposable
    {
        public CpuDevice Device { get; } = new(new CpuDeviceOptions { Units = 1 });

        public void Dispose() => Device.Dispose();
    }
}
