namespace Atoll.Models;

/// <summary>All operators that are had; what is not here is refused when a model is loaded.</summary>
public static class OperatorTable
{
    public const int OldestOpset = 6;
    public const int NewestOpset = 22;

    // Not frozen: that takes the compiler longer at the first load than all lookups together.
    private static readonly Dictionary<(string Domain, string Name), OperatorDefinition[]> Definitions =
        Families().Select(StringOperators.WithStrings).GroupBy(d => (d.Domain, d.Name))
            .ToDictionary(g => g.Key, g => g.ToArray());

    public static IEnumerable<OperatorDefinition> All => Definitions.Values.SelectMany(d => d);

    public static bool Has(string domain, string name, int opset) => Find(domain, name, opset) is not null;

    public static OperatorDefinition? Find(string domain, string name, int opset) =>
        Definitions.TryGetValue((domain, name), out var found)
        ? Array.Find(found, d => opset >= d.SinceOpset && opset <= d.UntilOpset)
        : null;

    /// <exception cref="ModelException">The operator is not had at the node's opset.</exception>
    public static OperatorDefinition Find(GraphNode node) => Find(node.Domain, node.Operator, node.Opset) ??
        throw new ModelException(ModelError.UnsupportedOperator,
            $"node {node}: operator not supported at opset {node.Opset}");

    private static IEnumerable<OperatorDefinition> Families() =>
    [
        .. UnaryOperators.All, .. BinaryOperators.All, .. LogicOperators.All, .. ActivationOperators.All,
        .. ShapeOperators.All,
        .. MovementOperators.All, .. SliceOperators.All, .. GatherOperators.All, .. ConstantOperators.All,
        .. ReductionOperators.All,
        .. NormalizationOperators.All, .. MatrixOperators.All, .. ConvolutionOperators.All, .. PoolingOperators.All,
        .. SortingOperators.All, .. ScatterOperators.All, .. ResizeOperators.All, .. QuantizationOperators.All,
        .. RecurrentOperators.All, .. ImageOperators.All, .. SamplingOperators.All,
        .. LossOperators.All, .. RandomOperators.All,
        .. SignalOperators.All, .. TrainingOperators.All, .. EinsumOperator.All, .. SelectionOperators.All,
        .. StringOperators.All, .. SequenceOperators.All, .. OptionalOperators.All, .. IfOperator.All,
        .. LoopOperator.All, .. ScanOperator.All, .. SequenceMapOperator.All, .. DataDependentOperators.All,
            .. NgramVectorizer.All,
        .. LinearOperators.All, .. FeatureOperators.All, .. TreeOperators.All, .. GradientExpansion.All,
    ];
}
