namespace Atoll.Models.Tests;

/// <summary>ONNX's own test data through the reference interpreter, as loaded and simplified.</summary>
public sealed class OnnxTestDataTests(ITestOutputHelper output)
{
    private static readonly string[] Required = ["pytorch-converted", "pytorch-operator", "simple"];

    public static IEnumerable<TheoryDataRow<string>> RequiredTests => OnnxTestData.Rows(Required);

    public static IEnumerable<TheoryDataRow<string>> NodeTests => OnnxTestData.Rows("node");

    [Theory]
    [MemberData(nameof(RequiredTests))]
    public void Interpreter_gives_the_expected_outputs(string name) =>
        OnnxTestData.Run(name, (graph, inputs) => ReferenceInterpreter.Run(graph, inputs));

    [Theory]
    [MemberData(nameof(RequiredTests))]
    public void Simplified_graph_gives_the_expected_outputs(string name) => OnnxTestData.Run(name, (graph, inputs) =>
    {
        GraphSimplifier.Run(graph);
        return ReferenceInterpreter.Run(graph, inputs);
    });

    /// <summary>Single-operator tests; those of operators or types that are not had skip with the name.</summary>
    [Theory]
    [MemberData(nameof(NodeTests))]
    public void Interpreter_gives_the_expected_outputs_of_single_operators(string name)
    {
        Assert.SkipWhen(UnhadNodeTests.Reason(name) is not null, UnhadNodeTests.Reason(name) ?? "");
        OnnxTestData.Run(name, (graph, inputs) => ReferenceInterpreter.Run(graph, inputs));
    }

    [Fact]
    public void Test_data_is_found_where_the_package_is_installed()
    {
        Assert.SkipUnless(Directory.Exists(OnnxTestData.Root), "the Debian package libonnx-testdata is not installed");
        var had = 0;
        var missing = new List<string>();
        foreach (var suite in Required)
        {
            var found = OnnxTestData.Find(suite);
            output.WriteLine($"{suite}: {found.Count} tests found");
            Assert.NotEmpty(found);
            foreach (var directory in found)
            {
                try
                {
                    OnnxModel.Load(Path.Combine(directory, "model.onnx"));
                    had++;
                }
                catch (ModelException e) when (e.Error is ModelError.UnsupportedOperator or ModelError.UnsupportedType)
                {
                    missing.Add($"{suite}/{Path.GetFileName(directory)}: {e.Message}");
                }
            }
        }
        output.WriteLine($"{had} can be run, {missing.Count} use an operator or a type that is not had:");
        missing.ForEach(output.WriteLine);
        Assert.True(had >= 124, $"{had} of the tests can be run");
    }
}
