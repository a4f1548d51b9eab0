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
    public static void Run(string name, Func<Graph, Tensor[], Tensor[]> compute) => Run(name, Load(name), compute);

    /// <summary>The same without skipping: a model that is refused throws.</summary>
    public static void RunFile(string name, Func<Graph, Tensor[], Tensor[]> compute) =>
        Run(name, OnnxModel.Load(Path.Combine(Root, name, "model.onnx")).Graph, compute);

    private static void Run(string name, Graph graph, Func<Graph, Tensor[], Tensor[]> compute)
    {
        var sets = Directory.GetDirectories(Path.Combine(Root, name), "test_data_set_*");
        Assert.NotEmpty(sets);
        foreach (var set in sets.Order())
        {
            var inputs = Read(set, "input");
            for (var i = 0; i < inputs.Length; i++)
            {
                inputs[i] = AsDeclared(inputs[i], graph.Inputs[i].Type);
            }
            var shapes = graph.Inputs.Zip(inputs).ToDictionary(p => p.First.Name, p => p.Second.Shape);
            var outputs = compute(graph.WithInputShapes(shapes), inputs);
            var expected = Read(set, "output");
            Assert.Equal(expected.Length, outputs.Length);
            if (RandomCase.TryCheck(name, inputs, expected, outputs))
            {
                continue;
            }
            for (var i = 0; i < expected.Length; i++)
            {
                TensorAssert.Close(AsDeclared(expected[i], outputs[i].Type), outputs[i], RelativeTolerance, AbsoluteTolerance, $"{name} output {i}");
            }
        }
    }

    // NumPy has no bfloat16, so the data has its bits as uint16.
    private static Tensor AsDeclared(Tensor tensor, ElementType type) =>
        tensor.Type == ElementType.UInt16 && type == ElementType.BFloat16
            ? new Tensor(type, tensor.Shape, tensor.Data)
            : tensor;

    private static Tensor[] Read(string set, string kind)
    {
        var tensors = new List<Tensor>();
        for (var i = 0; File.Exists(Path.Combine(set, $"{kind}_{i}.pb")); i++)
        {
            tensors.Add(TensorReader.ReadFile(Path.Combine(set, $"{kind}_{i}.pb"), ModelLimits.Default));
        }
        return [.. tensors];
    }
}
