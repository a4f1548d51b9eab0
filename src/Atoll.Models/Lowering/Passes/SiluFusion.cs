namespace Atoll.Models;

/// <summary>Makes one Silu of x sigmoid(x), so that it can end a convolution or product as its activation.</summary>
internal sealed class SiluFusion : GraphPass
{
    protected override bool TryRewrite(GraphNode node, GraphEditor editor)
    {
        if (!node.Is("Mul") || node.HasOldAlignment() || node.Out().Type != ElementType.Float32 ||
            !node.TrySplit(v => v.Producer.Is("Sigmoid") && ReferenceEquals(editor.OnlyReader(v), node),
                out var gate, out var x) || !ReferenceEquals(gate.Producer!.In(0), x))
        {
            return false;
        }

        editor.Replace([gate.Producer!, node], new GraphNode
        {
            Name = node.Name,
            Operator = "Silu",
            Domain = Patterns.FusedDomain,
            Opset = 1,
            Inputs = [x],
            Outputs = [node.Outputs[0]],
        });
        return true;
    }
}
