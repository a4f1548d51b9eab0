namespace Atoll.Models.Tests;

/// <summary>
/// Runs the directories of ONNX's own test data: a model, and data sets of inputs with the outputs that are expected.
/// How the graph is computed is the caller's choice, so that the interpreter and compiled programs are held to the same
/// truth.
/// </summary>
public static class OnnxTestData
{
    /// <summary>ONNX's own runner takes 1e-3; the absolute part covers results near zero.</summary>
    public const double RelativeTolerance = 1e-3;

    public const double AbsoluteTolerance = 1e-5;

    public const string Root = "/usr/share/libonnx-testdata/data";

    /// <summary>
    /// Test directories of a suite such as "simple"; none when the Debian package libonnx-testdata is absent.
    /// </summary>
    public static IReadOnlyList<string> Find(string suite) => Directory.Exists(Path.Combine(Root, suite))
        ? [.. Directory.GetDirectories(Path.Combine(Root, suite))
            .Where(d => File.Exists(Path.Combine(d, "model.onnx"))).Order()]
        : [];

    /// <summary>
    /// Names for a theory, "suite/test"; one empty name when there is none, so that the theory can say why it skips.
    /// </summary>
    public static IEnumerable<TheoryDataRow<string>> Rows(params string[] suites)
    {
        var names = suites.SelectMany(s => Find(s).Select(d => $"{s}/{Path.GetFileName(d)}")).DefaultIfEmpty("");
        return names.Select(n => new TheoryDataRow<string>(n));
    }

    /// <summary>
    /// Loads the test's model; skips the test when the package or one of the model's operators or types is not had.
    /// </summary>
    public static Graph Load(string name)
    {
        Assert.SkipWhen(name.Length == 0, "the Debian package libonnx-testdata is not installed");
        try
        {
            return OnnxModel.Load(Path.Combine(Root, name, "model.onnx")).Graph;
        }
        catch (ModelException e) when (e.Error is ModelError.UnsupportedOperator or ModelError.UnsupportedType)
        {
            Assert.Skip($"operator not had: {e.Message}");
            throw;
        }
    }

    /// <summary>Runs every data set of the test and compares; the graph is specialised to the inputs of each.</summary>
    public static void Run(string name, Func<Graph, Tensor[], Tensor[]> compute)
    {
        var graph = Load(name);
        var containers = graph.Inputs.Concat(graph.Outputs).Where(v => v.Container is not null).ToArray();
        Assert.SkipWhen(containers.Length > 0, $"not of tensors alone: {string.Join<GraphValue>(", ", containers)}");
        Run(name, graph, (specialised, inputs) => compute(specialised, [.. inputs.Cast<Tensor>()]));
    }

    /// <summary>The same for values of any kind and without skipping: a model that is refused throws.</summary>
    public static void RunFile(string name, Func<Graph, ModelValue[], ModelValue[]> compute) =>
        Run(name, OnnxModel.Load(Path.Combine(Root, name, "model.onnx")).Graph, compute);

    private static void Run(string name, Graph graph, Func<Graph, ModelValue[], ModelValue[]> compute)
    {
        var sets = Directory.GetDirectories(Path.Combine(Root, name), "test_data_set_*");
        Assert.NotEmpty(sets);
        foreach (var set in sets.Order())
        {
            var inputs = Read(set, "input", graph.Inputs);
            var shapes = graph.Inputs.Zip(inputs).Where(p => p.Second is Tensor)
                .ToDictionary(p => p.First.Name, p => ((Tensor)p.Second).Shape);
            var outputs = compute(graph.WithInputShapes(shapes), inputs);
            var expected = Read(set, "output", graph.Outputs);
            Assert.Equal(expected.Length, outputs.Length);
            if (RandomCase.TryCheck(name, Tensors(inputs), Tensors(expected), Tensors(outputs)))
            {
                continue;
            }
            for (var i = 0; i < expected.Length; i++)
            {
                TestValues.Close(expected[i], outputs[i], $"{name} output {i}");
            }
        }
    }

    private static Tensor[] Tensors(ModelValue[] values) => [.. values.OfType<Tensor>()];

    private static ModelValue[] Read(string set, string kind, List<GraphValue> declared)
    {
        var values = new List<ModelValue>();
        for (var i = 0; File.Exists(Path.Combine(set, $"{kind}_{i}.pb")); i++)
        {
            values.Add(TestValues.Read(Path.Combine(set, $"{kind}_{i}.pb"), declared[i]));
        }
        return [.. values];
    }
}
