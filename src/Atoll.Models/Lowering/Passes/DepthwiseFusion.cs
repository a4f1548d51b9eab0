namespace Atoll.Models;

/// <summary>
/// Joins a depthwise convolution with the pointwise one before it, whose output nobody else reads, and with the global
/// average over its output. The fused node reads (x, weights, bias, residual, expansion's weights, expansion's bias),
/// each but the first two or null, and gives the result and, if asked for, its means.
/// </summary>
internal sealed class DepthwiseFusion : GraphPass
{
    public const string Operator = "Depthwise";

    /// <summary>Prefix of the attributes that say how the expansion ends.</summary>
    public const string Expansion = "expansion_";

    protected override bool TryRewrite(GraphNode node, GraphEditor editor) =>
        IsDepthwise(node) ? TryExpand(node, editor) : node.Is("GlobalAveragePool") && TryPool(node, editor);

    private static bool TryExpand(GraphNode node, GraphEditor editor)
    {
        if (node.In(0)?.Producer is not { } expansion || !IsPointwise(expansion) || expansion.In(3) is not null ||
            !ReferenceEquals(editor.OnlyReader(expansion.Out()), node))
        {
            return false;
        }

        var fused = node.Copy(
            [expansion.In(0), node.In(1), node.In(2), node.In(3), expansion.In(1), expansion.In(2)], Operator);
        FusedActivation.Write(fused, FusedActivation.Read(expansion), Expansion);
        editor.Replace([expansion, node], fused);
        return true;
    }

    private static bool TryPool(GraphNode pool, GraphEditor editor)
    {
        if (pool.In(0) is not { Producer: { } node } value || pool.Out().Type != ElementType.Float32 ||
            !(IsDepthwise(node) || node.IsFused(Operator)) || node.Outputs.Count > 1)
        {
            return false;
        }

        // The joined node stands where the pooling stood: nobody may read the result before.
        var nodes = editor.Graph.Nodes;
        var place = nodes.IndexOf(pool);
        if (editor.Readers(value).Any(reader => nodes.IndexOf(reader) < place))
        {
            return false;
        }

        var fused = node.Copy(node.Inputs, Operator);
        fused.Outputs.Add(pool.Outputs[0]);
        editor.Replace([node, pool], fused);
        return true;
    }

    private static bool IsConvolution(GraphNode node) => (node.Is("Conv") || node.IsFused("Conv")) &&
        node.In(1)?.Constant is { Type: ElementType.Float32, Shape.Length: 4 } &&
        (node.In(2) is null || node.In(2)!.IsConstant) && node.Out().Type == ElementType.Float32;

    private static bool IsDepthwise(GraphNode node) => IsConvolution(node) && node.In(1)!.Constant!.Shape is var w &&
        w[0] > 1 && w[1] == 1 && node.Attributes.Int("group", 1) == w[0];

    /// <summary>A convolution by 1x1 filters, without groups, strides or borders.</summary>
    public static bool IsPointwise(GraphNode node) => IsConvolution(node) &&
        node.In(1)!.Constant!.Shape is [_, _, 1, 1] && node.Attributes.Int("group", 1) == 1 &&
        Array.TrueForAll(node.Attributes.Ints("strides", [1, 1]), s => s == 1) &&
        Array.TrueForAll(node.Attributes.Ints("pads", [0, 0, 0, 0]), p => p == 0);
}
