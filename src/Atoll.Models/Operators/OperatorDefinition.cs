namespace Atoll.Models;

/// <summary>
/// One operator in one place: where it exists, how its output shapes follow, and a scalar reference that computes it.
/// </summary>
public sealed record OperatorDefinition(string Name, Action<OperatorCall> InferShapes,
    Func<OperatorCall, ModelValue[]> Evaluate)
{
    /// <summary>Empty for the standard domain.</summary>
    public string Domain { get; init; } = "";

    /// <summary>First version of the operator set at which this declaration holds.</summary>
    public int SinceOpset { get; init; } = OperatorTable.OldestOpset;

    public int UntilOpset { get; init; } = OperatorTable.NewestOpset;

    /// <summary>Inputs that must be there.</summary>
    public int InputsMin { get; init; } = 1;

    public int InputsMax { get; init; } = 1;

    public int OutputsMax { get; init; } = 1;

    /// <summary>Costs much more than its elements, so it is never computed at load.</summary>
    public bool IsHeavy { get; init; }

    /// <summary>What it does with string tensors; by default it refuses them.</summary>
    public StringSupport Strings { get; init; }

    /// <summary>
    /// For operators with subgraphs: the same as the reference, with the subgraphs run by whom the caller says.
    /// </summary>
    internal Func<OperatorCall, SubgraphRunner, ValueTask<ModelValue[]>>? RunWith { get; init; }

    /// <summary>Takes sequences, optionals or maps, and checks them itself.</summary>
    public bool TakesContainers { get; init; }

    /// <summary>The result follows from the inputs' shapes; their values are not read.</summary>
    public bool NeedsShapesOnly { get; init; }

    /// <summary>
    /// Checks the counts and infers the output shapes; whatever a hostile node provokes becomes an error that names the
    /// node.
    /// </summary>
    /// <exception cref="ModelException">The node does not fit the operator.</exception>
    public void Infer(OperatorCall call) => Guard(call, () =>
    {
        if (call.InputCount < InputsMin || call.InputCount > InputsMax || !Enumerable.Range(0, InputsMin).All(call.Has))
        {
            throw call.Fail(ModelError.InvalidGraph, $"it has {call.InputCount} inputs, not {InputsMin}..{InputsMax}");
        }
        if (call.OutputCount > OutputsMax || call.OutputCount == 0)
        {
            throw call.Fail(ModelError.InvalidGraph, $"it has {call.OutputCount} outputs, not 1..{OutputsMax}");
        }
        CheckKinds(call);
        InferShapes(call);
        return true;
    });

    /// <summary>Computes the outputs; <see cref="Infer"/> has run on the call.</summary>
    public ModelValue[] Run(OperatorCall call) => Guard(call, () =>
        Strings == StringSupport.AsIndices && StringIndices.Concern(call) ? StringIndices.Run(this, call)
        : !TakesContainers && RunWith is null &&
            Enumerable.Range(0, call.InputCount).Any(i => call.Type(i) == ElementType.BFloat16)
            ? EvaluateWide(call)
        : Evaluate(call));

    // The type bfloat16 is one of storage: floats compute, and what it makes is rounded once.
    private ModelValue[] EvaluateWide(OperatorCall call)
    {
        var wide = OperatorCall.Of(call.Node, Enumerable.Range(0, call.InputCount).Select(i =>
            call.Constant(i) is { Type: ElementType.BFloat16 } narrow
                ? CastOperator.Convert(call, narrow, ElementType.Float32) : call.Constant(i)));
        InferShapes(wide);
        return [.. Evaluate(wide).Select((t, i) => i < call.OutputCount && call.Output(i).Type == ElementType.BFloat16
            ? CastOperator.Convert(call, (Tensor)t, ElementType.BFloat16) : t)];
    }

    private void CheckKinds(OperatorCall call)
    {
        for (var i = 0; i < call.InputCount; i++)
        {
            if (!TakesContainers && call.Container(i) is { } container)
            {
                throw call.Fail(ModelError.UnsupportedType, $"input {i} is a {container}, not a tensor");
            }

            if (Strings == StringSupport.None && call.Container(i) is null && call.Type(i) == ElementType.String)
            {
                throw call.Fail(ModelError.UnsupportedType, $"input {i} holds strings, which it does not take");
            }
        }
    }

    private static T Guard<T>(OperatorCall call, Func<T> action)
    {
        try
        {
            return action();
        }
        catch (ModelException e) when (!e.Message.StartsWith("node ", StringComparison.Ordinal))
        {
            throw call.Fail(e.Error, e.Message);
        }
        catch (Exception e) when (e is ArithmeticException or ArgumentException or IndexOutOfRangeException or
            NotSupportedException or InvalidOperationException)
        {
            throw call.Fail(ModelError.InvalidGraph, $"its inputs and attributes do not fit together: {e.Message}");
        }
    }
}
