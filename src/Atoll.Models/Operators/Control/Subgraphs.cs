namespace Atoll.Models;

/// <summary>Runs a subgraph: its declared inputs, then what it captures.</summary>
internal delegate ValueTask<ModelValue[]> SubgraphRunner(Graph body, IReadOnlyList<ModelValue> inputs);

/// <summary>What the operators with subgraphs share.</summary>
internal static class Subgraphs
{
    /// <summary>
    /// A copy of the body for inputs (and captures) of which this much is known, with shapes inferred.
    /// </summary>
    public static Graph Infer(OperatorCall call, Graph body, IReadOnlyList<TensorInfo> inputs)
    {
        RequireInputs(call, body, inputs.Count);
        var copy = GraphSpecializer.Copy(body);
        foreach (var (input, info) in copy.Inputs.Zip([.. inputs, .. Captured(body, call.Captures)]))
        {
            Take(call, input, info);
        }

        ShapeInference.Run(copy, call.Limits);
        return copy;
    }

    /// <summary>Runs the body with these inputs and what it captures.</summary>
    public static async ValueTask<ModelValue[]> RunAsync(OperatorCall call, SubgraphRunner runner, Graph body,
        IReadOnlyList<ModelValue> inputs)
    {
        RequireInputs(call, body, inputs.Count);
        var captures = call.Captures;
        return await runner(body, [.. inputs, .. Captured(body, captures).Select(c => c.Value ??
            throw call.Fail(ModelError.MissingTensor, "a value that a subgraph captures is missing"))]);
    }

    /// <summary>The reference: subgraphs by the interpreter, on the caller's thread.</summary>
    public static ModelValue[] Interpret(OperatorCall call,
        Func<OperatorCall, SubgraphRunner, ValueTask<ModelValue[]>> run) =>
        run(call, (body, inputs) => new ValueTask<ModelValue[]>(
            ReferenceInterpreter.Run(body, inputs, call.Budget))).AsTask().GetAwaiter().GetResult();

    /// <summary>What is known of both: the same type, and the dimensions in which they agree.</summary>
    public static TensorInfo Join(OperatorCall call, TensorInfo a, TensorInfo b)
    {
        if (a.Type != b.Type && a.Type != ElementType.Undefined && b.Type != ElementType.Undefined ||
            a.Container is null != b.Container is null)
        {
            throw call.Fail(ModelError.UnsupportedType, $"one and the same output is {a.Type} and {b.Type}");
        }

        var shape = a.Shape is { } x && b.Shape is { } y && x.Length == y.Length
            ? x.Zip(y, (p, q) => p == q ? p : -1).ToArray()
            : null;
        return new TensorInfo(a.Type == ElementType.Undefined ? b.Type : a.Type, shape) 
        {
            // What is optional at first may be there later: the later kind is the result's.
            Container = a.Container?.Fits(b.Container) == true ? a.Container : b.Container,
        };
    }

    /// <summary>A boolean or whole number of one element.</summary>
    public static long Scalar(OperatorCall call, ModelValue value, string what) =>
        value is Tensor { ElementCount: 1 } tensor ? tensor.Type switch
        {
            ElementType.Bool => tensor.Data[0],
            ElementType.Int64 => tensor.AsSpan<long>()[0],
            ElementType.Int32 => tensor.AsSpan<int>()[0],
            _ => throw call.Fail(ModelError.UnsupportedType, $"{what} is {tensor.Type}"),
        }
        : throw call.Fail(ModelError.InvalidShape, $"{what} is not one element");

    public static void RequireOutputs(OperatorCall call, Graph body, int least)
    {
        if (body.Outputs.Count < least)
        {
            throw call.Fail(ModelError.InvalidGraph,
                $"subgraph '{body.Name}' has {body.Outputs.Count} outputs, not {least}");
        }
    }

    private static void RequireInputs(OperatorCall call, Graph body, int count)
    {
        var declared = body.Inputs.Count - body.CaptureSlots.Count;
        if (declared != count)
        {
            throw call.Fail(ModelError.InvalidGraph, $"subgraph '{body.Name}' takes {declared} inputs, not {count}");
        }
    }

    private static IEnumerable<TensorInfo> Captured(Graph body, IReadOnlyList<TensorInfo> captures) =>
        body.CaptureSlots.Select(slot => captures[slot]);

    private static void Take(OperatorCall call, GraphValue input, TensorInfo info)
    {
        if (input.Type != ElementType.Undefined && info.Type != ElementType.Undefined && input.Type != info.Type)
        {
            throw call.Fail(ModelError.UnsupportedType,
                $"the subgraph's input '{input.Name}' is declared as {input.Type} but gets {info.Type}");
        }

        input.Type = info.Type == ElementType.Undefined ? input.Type : info.Type;
        (input.Shape, input.Container, input.Constant) =
            ((long[]?)info.Shape?.Clone(), info.Container, info.Constant);
    }
}
