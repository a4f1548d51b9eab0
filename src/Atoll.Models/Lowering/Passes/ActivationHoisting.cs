using Atoll.Kernels;

namespace Atoll.Models;

/// <summary>
/// Moves an activation before the reshapes and transposes between it and a convolution or product, whose epilogue can
/// then compute it: element by element it is the same there. Detectors end so.
/// </summary>
internal sealed class ActivationHoisting : GraphPass
{
    private static readonly string[] Views = ["Reshape", "Flatten", "Squeeze", "Unsqueeze", "Transpose"];

    protected override bool TryRewrite(GraphNode node, GraphEditor editor)
    {
        if (FusedActivation.Of(node) is null || node.In(0)?.Producer is not { } view ||
            !FollowsProduct(node, editor))
        {
            return false;
        }

        var from = view.In(0)!;
        var activated = editor.AddValue(node.Name, ElementType.Float32, from.Shape);
        var hoisted = node.Copy([from, .. node.Inputs.Skip(1)]);
        hoisted.Outputs[0] = activated;
        var moved = view.Copy([activated, .. view.Inputs.Skip(1)]);
        moved.Outputs[0] = node.Outputs[0];
        editor.Replace([view, node], hoisted, moved);
        return true;
    }

    // Through one view or more, each read by nobody else.
    private static bool FollowsProduct(GraphNode node, GraphEditor editor)
    {
        var producer = node.In(0)!.Producer;
        if (!IsViewOf(node, producer, editor))
        {
            return false;
        }

        while (IsViewOf(node, producer, editor))
        {
            (node, producer) = (producer!, producer!.In(0)!.Producer);
        }

        return producer is not null && ReferenceEquals(editor.OnlyReader(node.In(0)!), node) &&
            (producer.Is("Conv") || producer.IsFused("MatMul")) &&
            FusedActivation.Read(producer).Kind == ActivationKind.None;
    }

    private static bool IsViewOf(GraphNode reader, GraphNode? view, GraphEditor editor) =>
        view is { Domain.Length: 0 } && Views.Contains(view.Operator) && view.In(0)?.Producer is not null &&
        ReferenceEquals(editor.OnlyReader(view.Out()), reader);
}
