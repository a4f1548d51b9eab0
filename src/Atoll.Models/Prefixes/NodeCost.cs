namespace Atoll.Models;

/// <summary>A measure of a node's weights and work that needs no concrete batch.</summary>
internal static class NodeCost
{
    /// <summary>Weights met per output position; one more keeps nodes without weights above nothing.</summary>
    public static double Of(GraphNode node)
    {
        var positions = node.Operator == "Conv" && node.Outputs[0]!.Shape is { Length: > 2 } shape
            ? shape.Skip(2).Aggregate(1L, (count, dim) => count * Math.Max(1, dim))
            : 1;
        return 1 + ((double)Weights(node) * positions);
    }

    /// <summary>Elements of the node's constants.</summary>
    public static long Weights(GraphNode node) => node.Inputs.Sum(input => input?.Constant?.ElementCount ?? 0);
}
