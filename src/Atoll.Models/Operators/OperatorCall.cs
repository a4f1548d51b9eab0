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

    /// <summary>Inputs of the operator itself, without what its subgraphs capture.</summary>
    public int InputCount { get; } = Math.Max(0, inputs.Count - node.CaptureCount);

    /// <summary>What inference and evaluation must keep to.</summary>
    public ModelLimits Limits => Budget.Limits;

    /// <summary>What the run that this call is part of has used up.</summary>
    internal RunBudget Budget { get; init; } = new(ModelLimits.Default);

    public int OutputCount => node.Outputs.Count;

    /// <summary>A call to infer shapes with.</summary>
    public static OperatorCall Of(GraphNode node, ModelLimits? limits = null) => new(node,
        [.. node.Inputs.Select(v => v is null ? (TensorInfo?)null : TensorInfo.Of(v))])
    {
        Budget = new RunBudget(limits ?? ModelLimits.Default),
    };

    /// <summary>A call to evaluate.</summary>
    public static OperatorCall Of(GraphNode node, IEnumerable<ModelValue?> inputs) =>
        Of(node, inputs, new RunBudget(ModelLimits.Default));

    internal static OperatorCall Of(GraphNode node, IEnumerable<ModelValue?> inputs, RunBudget budget) => new(node,
        [.. inputs.Select(v => v is null ? (TensorInfo?)null : TensorInfo.Of(v))])
    {
        Budget = budget,
    };

    /// <summary>What is known of an input, null where it is left out.</summary>
    public TensorInfo? Info(int input) => input < InputCount ? inputs[input] : null;

    /// <summary>What is known of the values that the node's subgraphs capture.</summary>
    public IReadOnlyList<TensorInfo> Captures => [.. inputs.Skip(InputCount).Select(i => i!.Value)];

    public bool Has(int input) => input < InputCount && inputs[input] is not null;

    public ElementType Type(int input) => Has(input) ? inputs[input]!.Value.Type : ElementType.Undefined;

    public long[]? Shape(int input) => Has(input) ? inputs[input]!.Value.Shape : null;

    public Tensor? Constant(int input) => Has(input) ? inputs[input]!.Value.Constant : null;

    /// <summary>The input's value, when evaluating.</summary>
    public Tensor Input(int input) => Constant(input) ?? throw Fail(ModelError.MissingTensor,
        $"input {input} has no value");

    /// <summary>The container's type, null for a tensor.</summary>
    public ContainerType? Container(int input) => Has(input) ? inputs[input]!.Value.Container : null;

    /// <summary>The input's value of whatever kind, when evaluating.</summary>
    public ModelValue Value(int input) => (Has(input) ? inputs[input]!.Value.Value : null) ??
        throw Fail(ModelError.MissingTensor, $"input {input} has no value");

    /// <summary>The input as a sequence, when evaluating.</summary>
    public ValueSequence Sequence(int input) => Value(input) as ValueSequence ??
        throw Fail(ModelError.UnsupportedType, $"input {input} is no sequence");

    public void Set(int output, TensorInfo info)
    {
        if (output < _outputs.Length)
        {
            _outputs[output] = info with { Constant = null, Value = null };
        }
    }

    public void Set(int output, ContainerType container) =>
        Set(output, new TensorInfo(container.Element, null) { Container = container });

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
        var shapes = inputs.Select(i => i is null ? "-" : i.Value.Container is { } container ? $"{container}"
            : $"{i.Value.Type}[{(i.Value.Shape is null ? "?" : string.Join(',', i.Value.Shape))}]");
        return new ModelException(error, $"node {node} (opset {Opset}; inputs {string.Join(", ", shapes)}): {what}");
    }
}
