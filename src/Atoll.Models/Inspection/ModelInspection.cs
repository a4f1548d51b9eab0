using Atoll.Models.Onnx;

namespace Atoll.Models;

/// <summary>A tensor at a model's edge; a dimension is its size, or its name where the caller chooses it.</summary>
public sealed record InspectedTensor(string Name, ElementType Type, IReadOnlyList<string> Shape);

/// <summary>
/// What a model file holds, read without refusing unsupported operators, so that a user sees the whole gap.
/// </summary>
public sealed record ModelInspection
{
    public required string Path { get; init; }

    public required long IrVersion { get; init; }

    public required string Producer { get; init; }

    public required IReadOnlyDictionary<string, long> Opsets { get; init; }

    public required IReadOnlyDictionary<string, string> Metadata { get; init; }

    public required IReadOnlyList<InspectedTensor> Inputs { get; init; }

    public required IReadOnlyList<InspectedTensor> Outputs { get; init; }

    /// <summary>Nodes of the main graph by operator.</summary>
    public required IReadOnlyDictionary<string, int> Operators { get; init; }

    /// <summary>Elements of the float initializers without batch-norm statistics, as publications count them.</summary>
    public required long Parameters { get; init; }

    /// <summary>Operators that a load would refuse, with their nodes' count.</summary>
    public required IReadOnlyDictionary<string, int> Unsupported { get; init; }

    /// <summary>Operator, node name and opset of the first of those nodes; empty when there are none.</summary>
    public required string UnsupportedNodes { get; init; }

    /// <summary>Floating-point operations of one inference; null where shapes are not all known.</summary>
    public long? Flops { get; init; }

    /// <summary>Why the model cannot be loaded, beyond unsupported operators; null when it can.</summary>
    public string? Refusal { get; init; }

    /// <exception cref="ModelException">The file is missing, is not an ONNX file, or passes a limit.</exception>
    public static ModelInspection Read(string path)
    {
        var inspection = Describe(path);
        if (inspection.Unsupported.Count > 0)
        {
            return inspection;
        }

        try
        {
            return inspection with { Flops = FlopCount.Of(OnnxModel.Load(path).Graph) };
        }
        catch (ModelException refusal)
        {
            return inspection with { Refusal = refusal.Message };
        }
    }

    private static ModelInspection Describe(string path)
    {
        using var file = OnnxModel.OpenData(path);
        var model = StoredModel.Parse(file.Content, $"model '{path}'", ModelLimits.Default, file).Proto;
        FunctionInlining.Apply(model, ModelLimits.Default);
        var graph = model.Graph ?? throw new ModelException(ModelError.Malformed, $"model '{path}' holds no graph");
        var initializers = graph.Initializer.Select(t => t.Name).ToHashSet();
        return new ModelInspection
        {
            Path = path,
            IrVersion = model.IrVersion,
            Producer = $"{model.ProducerName} {model.ProducerVersion}".Trim(),
            Opsets = model.OpsetImport.DistinctBy(o => o.Domain).ToDictionary(o => o.Domain, o => o.Version),
            Metadata = model.MetadataProps.DistinctBy(p => p.Key).ToDictionary(p => p.Key, p => p.Value),
            Inputs = [.. graph.Input.Where(i => !initializers.Contains(i.Name)).Select(DescribeTensor)],
            Outputs = [.. graph.Output.Select(DescribeTensor)],
            Operators = Count(graph.Node),
            Parameters = CountParameters(graph),
            Unsupported = Count(FindUnsupported(model, graph)),
            UnsupportedNodes = OperatorSupport.Describe(model, OnnxModel.OpsetsOf(model)),
        };
    }

    private static IEnumerable<NodeProto> FindUnsupported(ModelProto model, GraphProto graph) =>
        OperatorSupport.Missing(graph, OnnxModel.OpsetsOf(model)).Select(found => found.Node);

    private static SortedDictionary<string, int> Count(IEnumerable<NodeProto> nodes) => new(
        nodes.CountBy(n => n.Domain.Length == 0 ? n.OpType : $"{n.Domain}.{n.OpType}").ToDictionary(),
        StringComparer.Ordinal);

    private static long CountParameters(GraphProto graph)
    {
        var statistics = graph.Node.Where(n => n.OpType == "BatchNormalization")
            .SelectMany(n => n.Input.Skip(3)).ToHashSet();
        return graph.Initializer.Where(t => IsParameter(t) && !statistics.Contains(t.Name))
            .Sum(t => t.Dims.Aggregate(1L, (count, dim) => count * dim));
    }

    private static bool IsParameter(TensorProto tensor) => tensor.Dims.Count > 0 && (ElementType)tensor.DataType
        is ElementType.Float32 or ElementType.Float64 or ElementType.Float16 or ElementType.BFloat16;

    private static InspectedTensor DescribeTensor(ValueInfoProto value)
    {
        var tensor = value.Type?.TensorType;
        var dims = tensor?.Shape?.Dim.Select(d => d.DimParam.Length > 0 ? d.DimParam : $"{d.DimValue}");
        return new InspectedTensor(value.Name, (ElementType)(tensor?.ElemType ?? 0), [.. dims ?? []]);
    }
}
