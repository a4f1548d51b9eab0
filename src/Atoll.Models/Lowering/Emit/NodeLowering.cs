namespace Atoll.Models;

/// <summary>Adds the steps of one node to a context whose shapes are all known.</summary>
internal delegate void NodeLowering(GraphNode node, LoweringContext context);

/// <summary>Which operators can be compiled, and how.</summary>
internal static class NodeLowerings
{
    private static readonly Dictionary<(string Domain, string Operator), NodeLowering> Table = Build();

    public static bool Has(GraphNode node) => Has(node.Domain, node.Operator);

    public static bool Has(string domain, string name) => Table.ContainsKey((domain, name));

    /// <exception cref="ModelException">No kernel takes these types or this form.</exception>
    public static void Lower(GraphNode node, LoweringContext context)
    {
        LoweredTypes.Require(node);
        Table[(node.Domain, node.Operator)](node, context);
    }

    private static Dictionary<(string Domain, string Operator), NodeLowering> Build()
    {
        IEnumerable<(string Operator, NodeLowering Lower)>[] standard =
        [
            ElementwiseLowering.Operators, ViewLowering.Operators, MovementLowering.Operators, MatrixLowering.Operators,
            ConvolutionLowering.Operators, PoolingLowering.Operators, NormalizationLowering.Operators,
            ReductionLowering.Operators, ResizeLowering.Operators, IndexingLowering.Operators,
            QuantizationLowering.Operators, EinsumLowering.Operators, ConstantLowering.Operators,
            RecurrentLowering.Operators, QuantizedProductLowering.Operators,
        ];
        IEnumerable<(string Operator, NodeLowering Lower)>[] fused =
        [
            ElementwiseLowering.Fused, MatrixLowering.Fused, ConvolutionLowering.Fused, DepthwiseLowering.Fused,
            QuantizedProductLowering.Fused,
        ];
        return standard.SelectMany(f => f).Select(o => ("", o.Operator, o.Lower))
            .Concat(fused.SelectMany(f => f).Select(o => (Patterns.FusedDomain, o.Operator, o.Lower)))
            .ToDictionary(o => (o.Item1, o.Operator), o => o.Lower);
    }
}
