namespace Atoll.Models;

/// <summary>
/// Makes one LayerNormalization of its primitives: d = x - mean(x); d / sqrt(mean(d²) + ε) · γ + β over the last axis.
/// </summary>
internal sealed class LayerNormFusion : GraphPass
{
    protected override bool TryRewrite(GraphNode node, GraphEditor editor)
    {
        if (!node.Is("Div") || node.In(0)?.Producer is not { } sub || node.In(1)?.Producer is not { } root ||
            MatchCentered(sub) is not { } x || MatchDeviation(root, x) is not { } epsilon)
        {
            return false;
        }

        if (editor.OnlyReader(node.Out()) is not { } mul || !mul.Is("Mul") || mul.HasOldAlignment() ||
            !mul.TrySplit(v => IsVector(v, x), out var gamma, out _))
        {
            return false;
        }

        var last = mul;
        GraphValue? beta = null;
        if (editor.OnlyReader(mul.Out()) is { } add && add.Is("Add") && !add.HasOldAlignment() &&
            add.TrySplit(v => IsVector(v, x), out var shift, out _))
        {
            (last, beta) = (add, shift);
        }

        var norm = new GraphNode
        {
            Name = last.Name,
            Operator = "LayerNormalization",
            Opset = 17,
            Inputs = beta is null ? [x, gamma] : [x, gamma, beta],
            Outputs = [last.Outputs[0]],
        };
        norm.Attributes.Set("axis", -1L);
        norm.Attributes.Set("epsilon", epsilon);
        editor.Replace(beta is null ? [node, mul] : [node, mul, last], norm);
        return true;
    }

    // x - mean(x)
    private static GraphValue? MatchCentered(GraphNode sub) =>
        sub.Is("Sub") && sub.In(1)?.Producer is { } mean && IsLastAxisMean(mean) &&
            ReferenceEquals(mean.In(0), sub.In(0))
            ? sub.In(0)
            : null;

    // sqrt(mean((x - mean(x))²) + ε); exporters may compute the difference twice.
    private static float? MatchDeviation(GraphNode root, GraphValue x)
    {
        if (!root.Is("Sqrt") || root.In(0)?.Producer is not { } add || !add.Is("Add") ||
            !add.TrySplit(v => v.Scalar() is not null, out var epsilon, out var variance) ||
            variance.Producer is not { } mean || !IsLastAxisMean(mean) || mean.In(0)?.Producer is not { } square)
        {
            return null;
        }

        var isSquare = (square.Is("Pow") && square.In(1).Scalar().IsNear(2)) ||
            (square.Is("Mul") && ReferenceEquals(square.In(0), square.In(1)));
        var centered = isSquare ? square.In(0)?.Producer : null;
        return centered is not null && ReferenceEquals(MatchCentered(centered), x) ? epsilon.Scalar() : null;
    }

    private static bool IsLastAxisMean(GraphNode node)
    {
        if (!node.Is("ReduceMean") || node.Attributes.Int("keepdims", 1) != 1 || node.In(0)?.Shape is not { } shape)
        {
            return false;
        }

        return node.IntsOf("axes", 1) is [var axis] && (axis == -1 || axis == shape.Length - 1);
    }

    private static bool IsVector(GraphValue value, GraphValue x) => value.IsFloatConstant() && x.Shape is { } shape &&
        value.Constant!.Shape is [var length] && length == shape[^1];
}
