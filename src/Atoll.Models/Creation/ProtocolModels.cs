namespace Atoll.Models;

/// <summary>
/// The small models that public example clients of the Open Inference Protocol ask for, under the names, tensors and
/// results that they expect. Each comes with the configuration that it is served with. They have no weights.
/// </summary>
public static class ProtocolModels
{
    private const int Opset = 17;
    private const int Width = 16;
    private const string Batched = """{"max_batch_size":8}""";

    private const string Sequence = """
        {
          "max_batch_size": 8,
          "sequence_batching": {
            "max_sequence_idle_microseconds": 5000000,
            "control_input": [
              {"name": "START", "control": [{"kind": "CONTROL_SEQUENCE_START", "int32_false_true": [0, 1]}]}
            ]
          }
        }
        """;

    private const string Accumulator = """
        {
          "max_batch_size": 8,
          "sequence_batching": {
            "max_sequence_idle_microseconds": 60000000,
            "state": [{"input_name": "SUM_IN", "output_name": "SUM_OUT", "data_type": "TYPE_INT32", "dims": [1]}]
          }
        }
        """;

    private const string Iterated = """
        {
          "model_transaction_policy": {"decoupled": true},
          "iteration": {
            "continue_output": "MORE",
            "delay_output": "DELAY_MS",
            "state": [{"input_name": "AT_IN", "output_name": "AT_OUT", "data_type": "TYPE_INT64", "dims": [1]}]
          }
        }
        """;

    private static readonly Sample[] Samples =
    [
        new("simple", Batched, model => SumAndDifference(model, ElementType.Int32)),
        new("simple_int8", Batched, model => SumAndDifference(model, ElementType.Int8)),
        new("simple_string", Batched, BuildString),
        new("simple_identity", Batched, BuildIdentity),
        new("identity_fp32", Batched, BuildFloats),
        new("simple_sequence", Sequence, BuildSequence),
        new("accumulator", Accumulator, BuildAccumulator),
        new("repeat", Iterated, BuildRepeat),
    ];

    /// <summary>Names that <see cref="Create"/> knows.</summary>
    public static IReadOnlyList<string> Names { get; } = [.. Samples.Select(sample => sample.Name)];

    /// <summary>
    /// Writes `NAME.onnx` and its configuration `NAME.config.json` into a folder, which is made when absent.
    /// </summary>
    /// <exception cref="ModelException">The name is unknown, or a file cannot be written.</exception>
    public static SampleModelReport Create(string name, string folder)
    {
        var sample = Array.Find(Samples, sample => sample.Name == name) ?? throw new ModelException(
            ModelError.NotFound, $"no protocol model is named '{name}'; there are {string.Join(", ", Names)}");
        var model = new OnnxModelBuilder(name, Opset);
        sample.Build(model);
        model.Metadata("atoll.source", "made by 'atoll model create'");
        var path = Path.Combine(folder, $"{name}.onnx");
        try
        {
            Directory.CreateDirectory(folder);
            File.WriteAllText(Path.Combine(folder, $"{name}.config.json"), sample.Configuration + "\n");
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
        {
            throw new ModelException(
                ModelError.WriteFailed, $"cannot write into '{folder}': {failure.Message} (--out)", failure);
        }

        return new SampleModelReport
        {
            Name = name,
            Path = path,
            Architecture = "model of the protocol's example clients",
            Bytes = new OnnxWriter(model, path).Write(),
            Parameters = 0,
            Nodes = model.Graph.Node.Count,
            Options = new SampleModelOptions(),
        };
    }

    /// <summary>INPUT0, INPUT1 [N, 16] to OUTPUT0 = sum and OUTPUT1 = difference.</summary>
    private static void SumAndDifference(OnnxModelBuilder model, ElementType type)
    {
        var x = model.Input("INPUT0", type, 0, Width);
        var y = model.Input("INPUT1", type, 0, Width);
        model.Node("Add", "sum", [x, y]);
        model.OutputLast("OUTPUT0", type, 0, Width);
        model.Node("Sub", "difference", [x, y]);
        model.OutputLast("OUTPUT1", type, 0, Width);
    }

    /// <summary>The same of whole numbers written as decimal strings.</summary>
    private static void BuildString(OnnxModelBuilder model)
    {
        var x = Cast(model, "x", model.Input("INPUT0", ElementType.String, 0, Width), ElementType.Int32);
        var y = Cast(model, "y", model.Input("INPUT1", ElementType.String, 0, Width), ElementType.Int32);
        var sum = model.Node("Add", "sum", [x, y]);
        Cast(model, "sum_text", sum, ElementType.String);
        model.OutputLast("OUTPUT0", ElementType.String, 0, Width);
        var difference = model.Node("Sub", "difference", [x, y]);
        Cast(model, "difference_text", difference, ElementType.String);
        model.OutputLast("OUTPUT1", ElementType.String, 0, Width);
    }

    /// <summary>INPUT0 strings [N, any] to OUTPUT0, the same.</summary>
    private static void BuildIdentity(OnnxModelBuilder model)
    {
        var x = model.Input("INPUT0", ElementType.String, 0, -1);
        model.Node("Identity", "identity", [x]);
        model.OutputLast("OUTPUT0", ElementType.String, 0, -1);
    }

    /// <summary>INPUT0 [N, 16] to OUTPUT0, the same.</summary>
    private static void BuildFloats(OnnxModelBuilder model)
    {
        var x = model.Input("INPUT0", ElementType.Float32, 0, Width);
        model.Node("Identity", "identity", [x]);
        model.OutputLast("OUTPUT0", ElementType.Float32, 0, Width);
    }

    /// <summary>INPUT [N, 1] to OUTPUT, one more in the first request of a sequence.</summary>
    private static void BuildSequence(OnnxModelBuilder model)
    {
        var x = model.Input("INPUT", ElementType.Int32, 0, 1);
        var start = model.Input("START", ElementType.Int32, 0, 1);
        model.Node("Add", "plus_start", [x, start]);
        model.OutputLast("OUTPUT", ElementType.Int32, 0, 1);
    }

    /// <summary>INPUT [N, 1] to OUTPUT, the sum of the sequence so far.</summary>
    private static void BuildAccumulator(OnnxModelBuilder model)
    {
        var x = model.Input("INPUT", ElementType.Int32, 0, 1);
        var sum = model.Input("SUM_IN", ElementType.Int32, 0, 1);
        model.Node("Add", "sum", [x, sum]);
        var output = model.OutputLast("OUTPUT", ElementType.Int32, 0, 1);
        model.Node("Identity", "keep", [output]);
        model.OutputLast("SUM_OUT", ElementType.Int32, 0, 1);
    }

    /// <summary>
    /// IN [any] one element at a time: OUT [1] the element, IDX [1] its index, after DELAY's milliseconds of the same
    /// index. WAIT is there for the clients that send it; an answer never waits for the request to end.
    /// </summary>
    private static void BuildRepeat(OnnxModelBuilder model)
    {
        var values = model.Input("IN", ElementType.Int32, -1);
        var delays = model.Input("DELAY", ElementType.UInt32, -1);
        model.Input("WAIT", ElementType.UInt32, 1);
        var at = model.Input("AT_IN", ElementType.Int64, 1);
        var one = model.Constant("one", Tensor.Int64([1], [1]));
        model.Node("Gather", "value", [values, at]);
        model.OutputLast("OUT", ElementType.Int32, 1);
        Cast(model, "index", at, ElementType.UInt32);
        model.OutputLast("IDX", ElementType.UInt32, 1);
        model.Node("Gather", "delay", [delays, at]);
        model.OutputLast("DELAY_MS", ElementType.UInt32, 1);
        model.Node("Add", "next", [at, one]);
        var next = model.OutputLast("AT_OUT", ElementType.Int64, 1);
        var count = model.Node("Shape", "count", [values]);
        model.Node("Less", "more", [next, count]);
        model.OutputLast("MORE", ElementType.Bool, 1);
    }

    private static string Cast(OnnxModelBuilder model, string node, string value, ElementType to) =>
        model.Node("Cast", node, [value], OnnxAttribute.Int("to", (int)to));

    private sealed record Sample(string Name, string Configuration, Action<OnnxModelBuilder> Build);
}
