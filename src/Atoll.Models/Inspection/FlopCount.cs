namespace Atoll.Models;

/// <summary>
/// Estimates the floating-point operations of one inference: two per multiply-add of convolutions and matrix products,
/// one per output element of everything else that computes; moving data costs none.
/// </summary>
public static class FlopCount
{
    private static readonly HashSet<string> Movement =
    [
        "Cast", "Concat", "Constant", "ConstantOfShape", "Expand", "Flatten", "Gather", "Identity", "Pad", "Range",
        "Reshape", "Shape", "Size", "Slice", "Split", "Squeeze", "Tile", "Transpose", "Unsqueeze",
    ];

    /// <summary>Null when a shape that counts is not known.</summary>
    public static long? Of(Graph graph)
    {
        var sum = 0L;
        foreach (var node in graph.Nodes.Where(n => !Movement.Contains(n.Operator)))
        {
            if (Of(node) is not { } work)
            {
                return null;
            }

            sum = checked(sum + work);
        }

        return sum;
    }

    /// <summary>Operations of each node by its name, for input shapes by name; nodes of unknown shape lack.</summary>
    /// <exception cref="ModelException">The shapes do not fit the graph.</exception>
    public static IReadOnlyDictionary<string, long> PerNode(
        Graph graph, IReadOnlyDictionary<string, long[]> inputShapes)
    {
        var concrete = GraphSpecializer.Specialize(graph, inputShapes, ModelLimits.Default);
        GraphSimplifier.Run(concrete, ModelLimits.Default);
        return concrete.Nodes.Where(n => !Movement.Contains(n.Operator) && Of(n) is not null)
            .GroupBy(n => n.Name).ToDictionary(g => g.Key, g => g.Sum(n => Of(n)!.Value));
    }

    private static long? Of(GraphNode node) =>
        node.Outputs is [{ } output, ..] && Elements(output) is { } elements && Work(node) is { } work
            ? checked(elements * work)
            : null;

    /// <summary>Operations per element of the first output.</summary>
    private static long? Work(GraphNode node) => node.Operator switch
    {
        "Conv" => node.Inputs[1] is { } weight && Elements(weight) is { } count ? 2 * count / weight.Shape![0] : null,
        "ConvTranspose" => Transposed(node),
        "MatMul" => node.Inputs[0]?.Shape is [.., >= 0 and var depth] ? 2 * depth : null,
        "Gemm" => Depth(node) is { } inner ? 2 * inner : null,
        _ => 1,
    };

    private static long? Depth(GraphNode node) =>
        node.Inputs[0]?.Shape is [var rows, var columns] && rows >= 0 && columns >= 0
            ? node.Attributes.Int("transA") != 0 ? rows : columns
            : null;

    /// <summary>Each input element meets the weights of its channel once; spread over the output elements.</summary>
    private static long? Transposed(GraphNode node)
    {
        if (node.Inputs is not [{ } input, { } weight, ..] || Elements(input) is not { } inputs ||
            Elements(weight) is not { } weights || Elements(node.Outputs[0]!) is not { } outputs)
        {
            return null;
        }

        return outputs == 0 ? 0 : 2 * inputs * (weights / weight.Shape![0]) / outputs;
    }

    private static long? Elements(GraphValue value) => value.Shape is { } shape && Array.TrueForAll(shape, d => d > 0)
        ? shape.Aggregate(1L, (count, dim) => checked(count * dim))
        : null;
}
