namespace Atoll.Models;

/// <summary>
/// Makes MatMul(x, weights, bias) of Gemm, and of MatMul by constant weights with or without the addition of a bias
/// along the last axis. Where the weights are a variable only a Gemm is taken, without change of meaning.
/// </summary>
internal sealed class MatMulFusion : GraphPass
{
    protected override bool TryRewrite(GraphNode node, GraphEditor editor)
    {
        if (node.Is("Gemm"))
        {
            return TryRewriteGemm(node, editor);
        }

        if (!node.Is("MatMul") ||
            node.In(1) is not { Constant: { Type: ElementType.Float32, Shape: [_, var columns] } } weights)
        {
            return false;
        }

        var fused = Make(node, [node.In(0), weights, null, null]);
        if (editor.OnlyReader(node.Out()) is { } add && add.Is("Add") && !add.HasOldAlignment() &&
            add.TrySplit(v => v.IsFloatConstant() && v.Constant!.Shape is [var length] && length == columns,
                out var bias, out _))
        {
            fused.Inputs[2] = bias;
            fused.Outputs[0] = add.Outputs[0];
            editor.Replace([node, add], fused);
        }
        else
        {
            editor.Replace([node], fused);
        }

        return true;
    }

    private static bool TryRewriteGemm(GraphNode node, GraphEditor editor)
    {
        var isPlain = node.Attributes.Float("alpha", 1) == 1 &&
            (node.In(2) is null || node.Attributes.Float("beta", 1) == 1);
        if (!isPlain || node.Attributes.Int("transA") != 0 || node.Out().Type != ElementType.Float32 ||
            node.In(1) is not { Constant: { Type: ElementType.Float32, Shape.Length: 2 } weights })
        {
            return false;
        }

        var columns = weights.Shape[node.Attributes.Int("transB") != 0 ? 0 : 1];
        var bias = node.In(2);
        if (bias is not null &&
            !(bias.IsFloatConstant() && bias.Constant!.Shape is [.., var length] && length == columns &&
            bias.Constant.ElementCount == columns))
        {
            return false;
        }

        var fused = Make(node, [node.In(0), node.In(1), bias, null]);
        fused.Attributes.Set("transB", node.Attributes.Int("transB"));
        editor.Replace([node], fused);
        return true;
    }

    private static GraphNode Make(GraphNode node, List<GraphValue?> inputs) => new()
    {
        Name = node.Name,
        Operator = "MatMul",
        Domain = Patterns.FusedDomain,
        Opset = 1,
        Inputs = inputs,
        Outputs = [node.Outputs[0]],
    };
}
