namespace Atoll.Models;

/// <summary>
/// Makes one Gelu of x/2 (1 + erf(x/√2)), and of its tanh form x/2 (1 + tanh(√(2/π) (x + 0.044715 x³))), in any of the
/// orders in which exporters multiply.
/// </summary>
internal sealed class GeluFusion : GraphPass
{
    private static readonly double TanhFactor = Math.Sqrt(2 / Math.PI);

    protected override bool TryRewrite(GraphNode node, GraphEditor editor)
    {
        if (node.Is("Erf") && ErfArgument(node) is { } x)
        {
            return TryReplaceTail(node, x, "none", editor);
        }

        if (node.Is("Tanh") && TanhArgument(node) is { } y)
        {
            return TryReplaceTail(node, y, "tanh", editor);
        }

        return false;
    }

    private static GraphValue? ErfArgument(GraphNode erf)
    {
        var scaled = erf.In(0)?.Producer;
        if (scaled.Is("Div") && scaled!.In(1).Scalar().IsNear(Math.Sqrt(2)))
        {
            return scaled.In(0);
        }

        return scaled.Is("Mul") && scaled!.TrySplit(v => v.Scalar().IsNear(Math.Sqrt(0.5)), out _, out var x) ? x
            : null;
    }

    private static GraphValue? TanhArgument(GraphNode tanh)
    {
        if (tanh.In(0)?.Producer is not { } scaled || !scaled.Is("Mul") ||
            !scaled.TrySplit(v => v.Scalar().IsNear(TanhFactor), out _, out var sum) ||
            sum.Producer is not { } add || !add.Is("Add"))
        {
            return null;
        }

        var isCubic = add.TrySplit(v => CubicArgument(v) is not null, out var cubic, out var x);
        return isCubic && ReferenceEquals(CubicArgument(cubic), x) ? x : null;
    }

    // x of 0.044715 x³.
    private static GraphValue? CubicArgument(GraphValue value)
    {
        if (value.Producer is not { } mul || !mul.Is("Mul") ||
            !mul.TrySplit(v => v.Scalar().IsNear(0.044715), out _, out var cube))
        {
            return null;
        }

        if (cube.Producer.Is("Pow"))
        {
            return cube.Producer!.In(1).Scalar().IsNear(3) ? cube.Producer.In(0) : null;
        }

        if (!cube.Producer.Is("Mul") || !cube.Producer!.TrySplit(IsSquare, out var square, out var x))
        {
            return null;
        }

        return ReferenceEquals(square.Producer!.In(0), x) ? x : null;
    }

    private static bool IsSquare(GraphValue value) => value.Producer.Is("Mul") &&
        value.Producer!.Inputs is [{ } a, { } b] &&
        ReferenceEquals(a, b);

    // The tail: (1 + core) times x times one half, in three orders.
    private static bool TryReplaceTail(GraphNode core, GraphValue x, string form, GraphEditor editor)
    {
        if (editor.OnlyReader(core.Out()) is not { } add || !add.Is("Add") ||
            !add.TrySplit(v => v.Scalar().IsNear(1), out _, out _) ||
            editor.OnlyReader(add.Out()) is not { } product || !product.Is("Mul"))
        {
            return false;
        }

        var last = TailEnd(product, add.Out(), x, editor);
        if (last is null)
        {
            return false;
        }

        var gelu = new GraphNode { Name = last.Name, Operator = "Gelu", Opset = 20, Inputs = [x],
            Outputs = [last.Outputs[0]] };
        gelu.Attributes.Set("approximate", form);
        editor.Replace([last], gelu);
        return true;
    }

    private static GraphNode? TailEnd(GraphNode product, GraphValue sum, GraphValue x, GraphEditor editor)
    {
        var other = ReferenceEquals(product.In(0), sum) ? product.In(1)! : product.In(0)!;
        if (IsHalfOf(other, x))
        {
            return product;
        }

        if (editor.OnlyReader(product.Out()) is not { } last || !last.Is("Mul"))
        {
            return null;
        }

        var isLast = ReferenceEquals(other, x)
            ? last.TrySplit(v => v.Scalar().IsNear(0.5), out _, out _)
            : other.Scalar().IsNear(0.5) && last.TrySplit(v => ReferenceEquals(v, x), out _, out _);
        return isLast ? last : null;
    }

    private static bool IsHalfOf(GraphValue value, GraphValue x)
    {
        var node = value.Producer;
        return (node.Is("Mul") && node!.TrySplit(v => v.Scalar().IsNear(0.5), out _, out var a) &&
            ReferenceEquals(a, x)) ||
            (node.Is("Div") && node!.In(1).Scalar().IsNear(2) && ReferenceEquals(node.In(0), x));
    }
}
