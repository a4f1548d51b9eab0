using System.Runtime.CompilerServices;

namespace Atoll.Models.Tests;

/// <summary>
/// Each of ONNX's node tests, run as a user's model is run. A case passes, or it is on the list
/// src/Atoll.Models/Inspection/unpassed-node-cases.txt with the reason; a listed case that passes fails here, so that
/// the list (and the support matrix made of it) stays true. ATOLL_WRITE_CASES=1 writes the list anew.
/// </summary>
public sealed class NodeCaseTests(CompiledTestDataTests.SharedDevice shared, ITestOutputHelper output)
    : IClassFixture<CompiledTestDataTests.SharedDevice>
{
    private const int ReasonLengthMax = 100;

    public static IEnumerable<TheoryDataRow<string>> Cases => OnnxTestData.Rows("node");

    public static IEnumerable<TheoryDataRow<string>> Models =>
        OnnxTestData.Rows("pytorch-converted", "pytorch-operator", "simple");

    [Theory]
    [MemberData(nameof(Cases))]
    public void Case_gives_the_expected_outputs_or_is_listed(string name)
    {
        Assert.SkipWhen(name.Length == 0, "the Debian package libonnx-testdata is not installed");
        var failure = Failure(name);
        if (!UnpassedNodeCases.All.TryGetValue(Path.GetFileName(name), out var reason))
        {
            Assert.True(failure is null, failure);
        }
        else
        {
            Assert.False(failure is null, "it passes: take it off unpassed-node-cases.txt");
            Assert.Skip(reason);
        }
    }

    /// <summary>Models of several operators: all of them pass, so there is no list.</summary>
    [Theory]
    [MemberData(nameof(Models))]
    public void Model_gives_the_expected_outputs(string name)
    {
        Assert.SkipWhen(name.Length == 0, "the Debian package libonnx-testdata is not installed");
        OnnxTestData.RunFile(name, (graph, inputs) => ProductRun.Run(graph, inputs, shared.Device));
    }

    [Fact]
    public void Every_listed_case_exists()
    {
        Assert.SkipUnless(Directory.Exists(OnnxTestData.Root), "the Debian package libonnx-testdata is not installed");
        var names = Cases.Select(row => Path.GetFileName(row.Data)).ToHashSet();
        Assert.Equal([], UnpassedNodeCases.All.Keys.Where(name => !names.Contains(name)));
        output.WriteLine($"{names.Count - UnpassedNodeCases.All.Count} of {names.Count} cases pass");
        if (Environment.GetEnvironmentVariable("ATOLL_WRITE_CASES") == "1")
        {
            Write();
        }
    }

    private string? Failure(string name)
    {
        try
        {
            OnnxTestData.RunFile(name, (graph, inputs) => ProductRun.Run(graph, inputs, shared.Device));
            return null;
        }
        catch (Exception e) when (e is ModelException or Xunit.Sdk.XunitException)
        {
            return e.Message;
        }
    }

    private void Write([CallerFilePath] string source = "")
    {
        var path = Path.Combine(Path.GetDirectoryName(source)!,
            "../../../src/Atoll.Models/Inspection/unpassed-node-cases.txt");
        var lines = File.ReadAllLines(path).Where(line => line.StartsWith('#')).ToList();
        foreach (var name in Cases.Select(row => row.Data))
        {
            if (Failure(name) is { } failure)
            {
                lines.Add($"{Path.GetFileName(name)}: {Reason(name, failure)}");
            }
        }

        File.WriteAllLines(path, lines);
    }

    private static bool IsWritten(string reason) => reason.StartsWith("operators that", StringComparison.Ordinal) ||
        reason.StartsWith("node ", StringComparison.Ordinal) || reason.EndsWith('…');

    /// <summary>The reason that a person gave, or the failure's first line without where it happened.</summary>
    private static string Reason(string name, string failure)
    {
        if (UnpassedNodeCases.All.TryGetValue(Path.GetFileName(name), out var reason) && !IsWritten(reason))
        {
            return reason;
        }

        var line = failure.Split('\n')[0];
        var start = line.IndexOf("model.onnx': ", StringComparison.Ordinal);
        line = start < 0 ? line : line[(start + 13)..];
        return line.Length <= ReasonLengthMax ? line : line[..ReasonLengthMax] + "…";
    }
}
