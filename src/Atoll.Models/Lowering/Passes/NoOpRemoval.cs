namespace Atoll.Models;

/// <summary>
/// Takes out nodes that give back what they get: identities, dropouts at inference, casts and reshapes to the same.
/// </summary>
internal sealed class NoOpRemoval : GraphPass
{
    protected override bool TryRewrite(GraphNode node, GraphEditor editor)
    {
        if (node.Domain.Length != 0 || node.In(0) is not { } input || node.Outputs is not [{ } output, ..])
        {
            return false;
        }

        if (node.Is("Transpose") && TryMergeTransposes(node, editor))
        {
            return true;
        }

        return IsNoOp(node, input, output) && editor.TryBypass(node, input, output);
    }

    private static bool IsNoOp(GraphNode node, GraphValue input, GraphValue output) => node.Operator switch
    {
        "Identity" => true,
        "Dropout" => IsInference(node),
        "Cast" => input.Type == output.Type && input.Type != ElementType.Undefined,
        "Transpose" => IsAscending(node.Attributes.Ints("perm")),
        "Reshape" or "Flatten" or "Squeeze" or "Unsqueeze" or "Expand" or "Pad" or "Tile" or "Slice" =>
            IsShapePreserving(node) && Patterns.SameStaticShape(input, output),
        "Concat" or "Sum" or "Min" or "Max" => node.Inputs.Count == 1,
        _ => false,
    };

    private static bool IsInference(GraphNode node) =>
        (node.Outputs.Count < 2 || node.Outputs[1] is null) && !MayTrain(node);

    /// <summary>A dropout of opset 12 and later trains only where its third input says so.</summary>
    public static bool MayTrain(GraphNode dropout) =>
        dropout.In(2) is { } training && training.Constant is not { Data: [0] };

    // A slice of the same shape may still reverse an axis, and a pad may crop and pad alike.
    private static bool IsShapePreserving(GraphNode node) => node.Operator switch
    {
        "Slice" => node.IntsOf("steps", 4) is { } steps ? Array.TrueForAll(steps, s => s > 0) : node.In(4) is null,
        "Pad" => node.IntsOf("pads", 1) is { } pads && Array.TrueForAll(pads, p => p == 0),
        _ => true,
    };

    private static bool IsAscending(long[] permutation)
    {
        for (var i = 0; i < permutation.Length; i++)
        {
            if (permutation[i] != i)
            {
                return false;
            }
        }

        return permutation.Length > 0;
    }

    private static bool TryMergeTransposes(GraphNode node, GraphEditor editor)
    {
        if (node.In(0)?.Producer is not { } first || !first.Is("Transpose") ||
            node.Attributes.Ints("perm") is not { Length: > 0 } outer ||
            first.Attributes.Ints("perm") is not { Length: > 0 } inner)
        {
            return false;
        }

        var merged = node.Copy([first.In(0)]);
        merged.Attributes.Set("perm", outer.Select(i => inner[i]).ToArray());
        editor.Replace([node], merged);
        return true;
    }
}
