namespace Atoll.Models;

/// <summary>
/// Makes one Attention(q, k, v, mask) of softmax(scale · q kᵀ + mask) v on four-dimensional q, k, v
/// (batch, heads, sequence, depth). A mask given as Where(condition, -∞, scores) becomes an added one.
/// </summary>
internal sealed class AttentionFusion : GraphPass
{
    /// <summary>Below this a masked score has no weight left beside any other.</summary>
    private const float MaskedBelow = -1e4f;

    protected override bool TryRewrite(GraphNode node, GraphEditor editor)
    {
        if (!node.Is("MatMul") || node.Out().Shape is not { Length: 4 } || node.Out().Type != ElementType.Float32 ||
            node.In(0) is not { } weights || node.In(1) is not { } v ||
            weights.Producer is not { } softmax || !IsRowSoftmax(softmax) ||
            !ReferenceEquals(editor.OnlyReader(weights), node))
        {
            return false;
        }

        var scores = new Scores(softmax.In(0)!, null, null, 1);
        while (TryPeel(scores, editor) is { } inner)
        {
            scores = inner;
        }

        if (scores.Value.Producer is not { } product || !product.Is("MatMul") ||
            product.Inputs is not [{ Shape.Length: 4 } q, { Shape.Length: 4 } k] ||
                editor.OnlyReader(scores.Value) is null)
        {
            return false;
        }

        var (unscaled, factor) = PeelScale(q, product, editor);
        Rewrite(node, [unscaled, k, v], scores with { Scale = scores.Scale * factor }, editor);
        return true;
    }

    // Some exporters scale the query before the product.
    private static (GraphValue Query, float Factor) PeelScale(GraphValue query, GraphNode product, GraphEditor editor)
    {
        if (query.Producer is not { } node || !ReferenceEquals(editor.OnlyReader(query), product))
        {
            return (query, 1);
        }

        if (node.Is("Div") && node.In(1).Scalar() is { } divisor && divisor != 0)
        {
            return (node.In(0)!, 1 / divisor);
        }

        return node.Is("Mul") && node.TrySplit(v => v.Scalar() is not null, out var factor, out var unscaled)
            ? (unscaled, factor.Scalar()!.Value)
            : (query, 1);
    }

    private static bool IsRowSoftmax(GraphNode node) => node.Is("Softmax") &&
        node.Attributes.Int("axis", node.Opset >= 13 ? -1 : 1) is -1 or 3;

    // Takes one scaling or masking off the scores; a mask is added after scaling, so it comes off first.
    private static Scores? TryPeel(Scores scores, GraphEditor editor)
    {
        if (scores.Value.Producer is not { } node || editor.OnlyReader(scores.Value) is null)
        {
            return null;
        }

        if (node.Is("Div") && node.In(1).Scalar() is { } divisor && divisor != 0)
        {
            return scores with { Value = node.In(0)!, Scale = scores.Scale / divisor };
        }

        if (node.Is("Mul") && node.TrySplit(v => v.Scalar() is not null, out var factor, out var scaled))
        {
            return scores with { Value = scaled, Scale = scores.Scale * factor.Scalar()!.Value };
        }

        var isMaskable = scores.Added is null && scores.Condition is null && scores.Scale == 1;
        if (isMaskable && node.Is("Add") && node.TrySplit(LeadsToProduct, out var sum, out var mask))
        {
            return scores with { Value = sum, Added = mask };
        }

        return isMaskable && node.Is("Where") && node.In(1).Scalar() is < MaskedBelow
            ? scores with { Value = node.In(2)!, Condition = node.In(0), Fill = node.In(1) }
            : null;
    }

    private static bool LeadsToProduct(GraphValue value) => value.Producer is { } node &&
        (node.Is("MatMul") || ((node.Is("Div") || node.Is("Mul")) && node.Inputs.Any(i => i!.Producer.Is("MatMul"))));

    private static void Rewrite(GraphNode node, GraphValue[] qkv, Scores scores, GraphEditor editor)
    {
        var attention = new GraphNode
        {
            Name = node.Name,
            Operator = "Attention",
            Domain = Patterns.FusedDomain,
            Opset = 1,
            Inputs = [.. qkv, scores.Added],
            Outputs = [node.Outputs[0]],
        };
        attention.Attributes.Set("scale", scores.Scale);
        if (scores.Condition is not { } condition)
        {
            editor.Replace([node], attention);
            return;
        }

        var zero = editor.AddConstant(node.Name, Tensor.Float([], [0f]));
        var added = editor.AddValue(node.Name, ElementType.Float32, condition.Shape);
        attention.Inputs[3] = added;
        editor.Replace([node], new GraphNode
        {
            Name = $"{node.Name}.mask",
            Operator = "Where",
            Opset = 16,
            Inputs = [condition, scores.Fill, zero],
            Outputs = [added],
        }, attention);
    }

    /// <summary>What is left of the scores' expression, and what was taken off.</summary>
    private sealed record Scores(GraphValue Value, GraphValue? Added, GraphValue? Condition, float Scale)
    {
        public GraphValue? Fill { get; init; }
    }
}
