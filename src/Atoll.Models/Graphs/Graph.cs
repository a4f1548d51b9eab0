namespace Atoll.Models;

/// <summary>
/// One tensor that flows through a graph. Shape inference fills type and shape; folding may make it constant.
/// </summary>
public sealed class GraphValue(string name)
{
    public string Name { get; } = name;

    public ElementType Type { get; set; }

    /// <summary>Null for a tensor; for a container the type is that of the tensors inside.</summary>
    public ContainerType? Container { get; set; }

    /// <summary>Dimensions, -1 where unknown; null while the rank is unknown.</summary>
    public long[]? Shape { get; set; }

    /// <summary>Names of symbolic dimensions of graph inputs and outputs, null where a dimension has none.</summary>
    public string?[]? DimNames { get; set; }

    /// <summary>
    /// Set for initializers and folded values. Shape inference also sets it for small results that follow from shapes
    /// alone; their producers stay in the graph until <see cref="GraphSimplifier"/> removes them.
    /// </summary>
    public Tensor? Constant { get; set; }

    /// <summary>Null for graph inputs and initializers.</summary>
    public GraphNode? Producer { get; set; }

    public bool IsConstant => Constant is not null;

    /// <summary>True for a tensor whose type and dimensions are all known.</summary>
    public bool IsStatic =>
        Container is null && Shape is not null && Type != ElementType.Undefined && Array.TrueForAll(Shape, d => d >= 0);

    public override string ToString() => $"{Name}:{Type}[{(Shape is null ? "?" : string.Join(',', Shape))}]";
}

/// <summary>One operator of a graph. Optional inputs and outputs that are absent are null.</summary>
public sealed class GraphNode
{
    public required string Name { get; init; }

    public required string Operator { get; init; }

    /// <summary>Empty for the standard domain.</summary>
    public string Domain { get; init; } = "";

    /// <summary>Version of the domain's operator set that the model imports.</summary>
    public required int Opset { get; init; }

    /// <summary>The operator's inputs, then the values that the node's subgraphs read from outside.</summary>
    public List<GraphValue?> Inputs { get; init; } = [];

    /// <summary>How many of the inputs, at the end, are read by subgraphs alone.</summary>
    public int CaptureCount { get; set; }

    public List<GraphValue?> Outputs { get; init; } = [];

    public NodeAttributes Attributes { get; init; } = new();

    public override string ToString() => $"{Operator} '{Name}'";
}

/// <summary>A checked graph: nodes in an order in which every value is made before it is used.</summary>
public sealed class Graph
{
    public required string Name { get; init; }

    /// <summary>Values that the caller feeds; initializers are not among them.</summary>
    public List<GraphValue> Inputs { get; init; } = [];

    /// <summary>
    /// For a subgraph: its last inputs are what it reads from outside, and each number here says which capture of the
    /// node (counted from its first) feeds one of them.
    /// </summary>
    public List<int> CaptureSlots { get; init; } = [];

    public List<GraphValue> Outputs { get; init; } = [];

    public List<GraphNode> Nodes { get; init; } = [];

    /// <summary>
    /// A copy for these input shapes (by input name; others stay as they are), with all shapes inferred anew.
    /// </summary>
    /// <exception cref="ModelException">An unknown input, a fixed dimension changed, or shapes that the operators
    /// refuse.</exception>
    public Graph WithInputShapes(IReadOnlyDictionary<string, long[]> shapes, ModelLimits? limits = null) =>
        GraphSpecializer.Specialize(this, shapes, limits ?? ModelLimits.Default);
}
