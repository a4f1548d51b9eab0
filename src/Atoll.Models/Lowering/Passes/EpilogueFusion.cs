using Atoll.Kernels;

namespace Atoll.Models;

/// <summary>
/// Gives convolutions and matrix products their epilogue: a residual of the output's own shape is added, then an
/// activation applied. The fused node reads (x, weights, bias or null, residual or null).
/// </summary>
internal sealed class EpilogueFusion(Func<GraphNode, bool> isFusable) : GraphPass
{
    public static EpilogueFusion ForConvolutions() =>
        new(n => (n.Is("Conv") || n.IsFused("Conv")) && n.In(1)?.Shape is { Length: <= 4 });

    public static EpilogueFusion ForMatrixProducts() => new(n => n.IsFused("MatMul"));

    public static EpilogueFusion ForScaleShifts() => new(n => n.IsFused("ScaleShift"));

    protected override bool TryRewrite(GraphNode node, GraphEditor editor)
    {
        if (!isFusable(node) || FusedActivation.Read(node).Kind != ActivationKind.None ||
            node.Out().Type != ElementType.Float32 || editor.OnlyReader(node.Out()) is not { } reader)
        {
            return false;
        }

        if (FusedActivation.Of(reader) is { } activation)
        {
            Absorb(node, reader, node.In(3), activation, editor);
            return true;
        }

        return TryAbsorbResidual(node, reader, editor);
    }

    private static bool TryAbsorbResidual(GraphNode node, GraphNode reader, GraphEditor editor)
    {
        if (!reader.Is("Add") || node.In(3) is not null || node.IsFused("ScaleShift") ||
            !reader.TrySplit(v => ReferenceEquals(v, node.Out()), out _, out var residual) ||
            ReferenceEquals(residual, node.Out()) || !Patterns.SameStaticShape(residual, node.Out()))
        {
            return false;
        }

        Absorb(node, reader, residual, Activation.None, editor);
        return true;
    }

    private static void Absorb(
        GraphNode node, GraphNode reader, GraphValue? residual, Activation activation, GraphEditor editor)
    {
        var inputs = node.IsFused("ScaleShift") ? node.Inputs : [node.In(0), node.In(1), node.In(2), residual];
        var fused = node.Copy(inputs, node.Operator);
        fused.Outputs[0] = reader.Outputs[0];
        FusedActivation.Write(fused, activation);
        editor.Replace([node, reader], fused);
    }
}
