using Atoll.Devices;

namespace Atoll.Models.Tests;

/// <summary>ONNX's own test data through the compiled path.</summary>
public sealed class CompiledTestDataTests(CompiledTestDataTests.SharedDevice shared, ITestOutputHelper output)
    : IClassFixture<CompiledTestDataTests.SharedDevice>
{
    public static IEnumerable<TheoryDataRow<string>> RequiredTests =>
        OnnxTestData.Rows("pytorch-converted", "pytorch-operator", "simple");

    public static IEnumerable<TheoryDataRow<string>> NodeTests => OnnxTestData.Rows("node");

    [Theory]
    [MemberData(nameof(RequiredTests))]
    public void Compiled_model_gives_the_expected_outputs(string name)
    {
        try
        {
            OnnxTestData.Run(name, Compute);
        }
        catch (ModelException e) when (NeedsHost(e))
        {
            Assert.Skip($"runs partly on the host, as NodeCaseTests does: {e.Message}");
        }
    }

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
        catch (ModelException e) when (NeedsHost(e) || e.Error == ModelError.InvalidShape)
        {
            Assert.Skip($"not compiled: {e.Message}");
        }
    }

    /// <summary>
    /// What the reader takes must compile: a form that only the interpreter has would be refused when served.
    /// </summary>
    [Fact]
    public void Every_required_model_that_is_read_is_also_compiled()
    {
        Assert.SkipUnless(Directory.Exists(OnnxTestData.Root), "the Debian package libonnx-testdata is not installed");
        var found = 0;
        var compiled = 0;
        var uncompiled = new List<string>();
        foreach (var name in RequiredTests.Select(row => row.Data))
        {
            found++;
            try
            {
                OnnxTestData.Run(name, Compute);
                compiled++;
            }
            catch (ModelException e) when (NeedsHost(e))
            {
                output.WriteLine($"partly on the host: {name}: {e.Message}");
            }
            catch (ModelException e)
            {
                uncompiled.Add($"{name}: {e.Message}");
            }
            catch (Exception e) when (e.Message.Contains("operator not had", StringComparison.Ordinal))
            {
                output.WriteLine($"refused {name}: {e.Message}");
            }
        }

        output.WriteLine($"{found} tests found, {compiled} compiled and equal, {found - compiled} refused");
        Assert.True(uncompiled.Count == 0, string.Join('\n', uncompiled));
        Assert.True(compiled >= 124, $"only {compiled} of {found} tests compile");
    }

    private static bool NeedsHost(ModelException e) => e.Error is ModelError.UnsupportedOperator or
        ModelError.UnsupportedType or ModelError.DataDependentShape;

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
