namespace Atoll.Models;

/// <summary>Finds all operators of a graph that cannot be compiled, so that a user sees them at once.</summary>
internal static class SupportCheck
{
    private const int MostNamed = 20;

    /// <summary>Operators that can be lowered, or computed when the model is compiled for concrete shapes.</summary>
    /// <exception cref="ModelException">Names operator, node and opset of each other node.</exception>
    public static void RequireKnown(Graph graph) => Require(graph, graph.Nodes.Where(n =>
        !OperatorTable.Has(n.Domain, n.Operator, n.Opset) || (!NodeLowerings.Has(n) && !IsFoldable(n))));

    // Shape arithmetic, which becomes constant once shapes are known.
    private static bool IsFoldable(GraphNode node) =>
        node.Operator is "Shape" or "Size" or "Constant" or "ConstantOfShape" or "Range" or "NonZero" or "Trilu";

    /// <exception cref="ModelException">Names operator, node and opset of each node without a lowering.</exception>
    public static void Require(Graph graph, IEnumerable<GraphNode> unsupported)
    {
        var missing = unsupported.ToArray();
        if (missing.Length == 0)
        {
            return;
        }

        var named = missing.Take(MostNamed).Select(n =>
            $"{(n.Domain.Length == 0 ? "" : n.Domain + ".")}{n.Operator} in node '{n.Name}' (opset {n.Opset})");
        var rest = missing.Length > MostNamed ? $", and {missing.Length - MostNamed} more" : "";
        throw new ModelException(ModelError.UnsupportedOperator,
            $"model '{graph.Name}' uses operators that are not supported: {string.Join(", ", named)}{rest}");
    }
}
