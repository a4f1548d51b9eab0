using Atoll.Kernels;

namespace Atoll.Models;

/// <summary>
/// Makes one product of bytes with float results of MatMulInteger, Cast and the multiplication by both scales, then
/// lets it add a bias and a residual and apply an activation. The fused node reads the product's four inputs, the
/// scales of both operands, the bias or null and the residual or null.
/// </summary>
internal sealed class QuantizedProductFusion : GraphPass
{
    public const string Name = "QuantizedMatMul";
    private const int Bias = 6;
    private const int Residual = 7;

    protected override bool TryRewrite(GraphNode node, GraphEditor editor) =>
        node.IsFused(Name) ? TryAbsorb(node, editor) : node.Is("Mul") && TryMake(node, editor);

    private static bool TryMake(GraphNode node, GraphEditor editor)
    {
        if (!node.TrySplit(v => v.Producer.Is("Cast"), out var floats, out var scale) ||
            !ReferenceEquals(editor.OnlyReader(floats), node) || floats.Producer!.In(0)!.Producer is not { } product ||
            !product.Is("MatMulInteger") || !ReferenceEquals(editor.OnlyReader(product.Out()), floats.Producer) ||
            product.In(1)?.Constant is not { Shape: [_, var columns] } || node.Out().Type != ElementType.Float32)
        {
            return false;
        }

        if (Scales(scale, columns) is not var (a, b))
        {
            return false;
        }

        editor.Replace([node, floats.Producer!, product], new GraphNode
        {
            Name = node.Name,
            Operator = Name,
            Domain = Patterns.FusedDomain,
            Opset = 1,
            Inputs = [product.In(0), product.In(1), product.In(2), product.In(3), a, b, null, null],
            Outputs = [node.Outputs[0]],
        });
        return true;
    }

    // One number times a constant: one for all columns or one for each.
    private static (GraphValue A, GraphValue B)? Scales(GraphValue scale, long columns) =>
        scale.Producer is { } mul && mul.Is("Mul") &&
        mul.TrySplit(v => v.Constant is { } c && c.Type == ElementType.Float32 &&
            (c.ElementCount == 1 || (c.Shape is [var n] && n == columns)), out var b, out var a) &&
        a.Type == ElementType.Float32 && QuantizedConvolutionFusion.IsScalar(a) ? (a, b) : null;

    private static bool TryAbsorb(GraphNode node, GraphEditor editor)
    {
        if (FusedActivation.Read(node).Kind != ActivationKind.None ||
            editor.OnlyReader(node.Out()) is not { } reader)
        {
            return false;
        }

        if (FusedActivation.Of(reader) is { } activation)
        {
            Absorb(node, reader, null, -1, editor);
            FusedActivation.Write(reader.Outputs[0]!.Producer!, activation);
            return true;
        }

        if (!reader.Is("Add") || reader.HasOldAlignment() || node.In(Residual) is not null ||
            !reader.TrySplit(v => ReferenceEquals(v, node.Out()), out _, out var added))
        {
            return false;
        }

        var isBias = node.In(Bias) is null && added.Constant is { Type: ElementType.Float32, Shape: [var length] } &&
            length == node.In(1)!.Shape![1];
        if (!isBias && (ReferenceEquals(added, node.Out()) || !Patterns.SameStaticShape(added, node.Out())))
        {
            return false;
        }

        Absorb(node, reader, added, isBias ? Bias : Residual, editor);
        return true;
    }

    private static void Absorb(GraphNode node, GraphNode reader, GraphValue? value, int input, GraphEditor editor)
    {
        var fused = node.Copy(node.Inputs, Name);
        if (input >= 0)
        {
            fused.Inputs[input] = value;
        }

        fused.Outputs[0] = reader.Outputs[0];
        editor.Replace([node, reader], fused);
    }
}
