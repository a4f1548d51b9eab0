namespace Atoll.Models;

/// <summary>
/// One use of an operator: its node, what is known of its inputs, and the output types and shapes that its rule sets.
/// To evaluate it, all inputs are constants, so that evaluators take their output shapes from the one shape rule.
/// </summary>
public sealed class OperatorCall(GraphNode node, IReadOnlyList<TensorInfo?> inputs)
{
    private readonly TensorInfo[] _outputs = new TensorInfo[Math.Max(node.Outputs.Count, 1)];

    public GraphNode Node => node;

    public NodeAttributes Attributes => node.Attributes;

    public int Opset => node.Opset;

    public int InputCount => inputs.Count;

    public int OutputCount => node.Outputs.Count;

    public static OperatorCall Of(GraphNode node) => new(node,
        [.. node.Inputs.Select(v => v is null ? (TensorInfo?)null : new TensorInfo(v.Type, v.Shape, v.Constant))]);

    public static OperatorCall Of(GraphNode node, IEnumerable<Tensor?> inputs) => new(node,
        [.. inputs.Select(t => t is null ? (TensorInfo?)null : new TensorInfo(t.Type, t.Shape, t))]);

    public bool Has(int input) => input < inputs.Count && inputs[input] is not null;

    public ElementType Type(int input) => Has(input) ? inputs[input]!.Value.Type : ElementType.Undefined;

    public long[]? Shape(int input) => Has(input) ? inputs[input]!.Value.Shape : null;

    public Tensor? Constant(int input) => Has(input) ? inputs[input]!.Value.Constant : null;

    /// <summary>The input's value, when evaluating.</summary>
    public Tensor Input(int input) => Constant(input) ?? throw Fail(ModelError.MissingTensor,
        $"input {input} has no value");

    public void Set(int output, ElementType type, long[]? shape)
    {
        if (output < _outputs.Length)
        {
            _outputs[output] = new TensorInfo(type, shape);
        }
    }

    public TensorInfo Output(int output) => _outputs[output];

    /// <summary>The output's shape, when evaluating.</summary>
    public long[] OutputShape(int output = 0) =>
        _outputs[output].Shape ?? throw Fail(ModelError.InvalidShape, "the output's shape is unknown");

    /// <summary>
    /// Whole numbers that moved from an attribute to an input; null and false when that input is not known yet.
    /// </summary>
    public long[]? Ints(string attribute, int input, int inputSince, out bool known)
    {
        known = true;
        if (Opset < inputSince)
        {
            return Attributes.Has(attribute) ? Attributes.Ints(attribute) : null;
        }
        if (!Has(input))
        {
            return null;
        }
        known = Constant(input) is not null;
        return known ? IntsOf(input) : null;
    }

    /// <summary>The values of a constant int32 or int64 input.</summary>
    public long[] IntsOf(int input)
    {
        var tensor = Input(input);
        return tensor.Type switch
        {
            ElementType.Int64 => tensor.AsSpan<long>().ToArray(),
            ElementType.Int32 => Array.ConvertAll(tensor.AsSpan<int>().ToArray(), v => (long)v),
            _ => throw Fail(ModelError.UnsupportedType, $"input {input} is {tensor.Type}, not a whole number"),
        };
    }

    /// <summary>An axis in 0..rank-1 from one that may count from the end.</summary>
    public int Axis(long axis, int rank) => axis >= -rank && axis < rank
        ? (int)(axis < 0 ? axis + rank : axis)
        : throw Fail(ModelError.InvalidAttribute, $"axis {axis} is outside a tensor of rank {rank}");

    public void RequireRank(int input, int least, int most = int.MaxValue)
    {
        if (Shape(input) is { } shape && (shape.Length < least || shape.Length > most))
        {
            throw Fail(ModelError.InvalidShape,
                $"input {input} has rank {shape.Length}, not {least}{(most > least ? " or more" : "")}");
        }
    }

    public ModelException Fail(ModelError error, string what)
    {
        var shapes = inputs.Select(i => i is null ? "-"
            : $"{i.Value.Type}[{(i.Value.Shape is null ? "?" : string.Join(',', i.Value.Shape))}]");
        return new ModelException(error, $"node {node} (opset {Opset}; inputs {string.Join(", ", shapes)}): {what}");
    }
}
