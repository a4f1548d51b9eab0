using Atoll.Models.Onnx;

namespace Atoll.Models;

/// <summary>Puts the bodies of a model's own functions in the place of the nodes that call them.</summary>
internal sealed class FunctionInlining
{
    private readonly Dictionary<(string Domain, string Name, string Overload), FunctionProto> _functions = [];
    private readonly Dictionary<string, int> _opsets;
    private readonly ModelProto _model;
    private readonly ModelLimits _limits;
    private long _nodes;
    private long _bytes;
    private long _records;
    private int _calls;

    private FunctionInlining(ModelProto model, ModelLimits limits)
    {
        (_model, _limits, _opsets) = (model, limits, OnnxModel.OpsetsOf(model));
        foreach (var function in model.Functions)
        {
            var key = (GraphReader.DomainOf(function.Domain), function.Name, function.Overload);
            if (!_functions.TryAdd(key, function))
            {
                throw new ModelException(ModelError.InvalidGraph, $"function '{function.Name}' is defined twice");
            }
        }
    }

    /// <summary>Inlines all calls, in place.</summary>
    /// <exception cref="ModelException">A function calls itself, means another operator set than the model, or what
    /// all bodies come to passes a limit.</exception>
    public static void Apply(ModelProto model, ModelLimits limits)
    {
        if (model.Functions.Count > 0 && model.Graph is { } graph)
        {
            new FunctionInlining(model, limits).Expand(graph, 0);
        }
    }

    private void Expand(GraphProto graph, int depth)
    {
        var nodes = graph.Node.SelectMany(node => Expand(node, depth)).ToList();
        graph.Node.Clear();
        graph.Node.AddRange(nodes);
    }

    private List<NodeProto> Expand(NodeProto node, int depth)
    {
        foreach (var inner in node.Attribute.Where(a => a.G is not null))
        {
            Expand(inner.G, depth);
        }

        var key = (GraphReader.DomainOf(node.Domain), node.OpType, node.Overload);
        if (!_functions.TryGetValue(key, out var function))
        {
            return [node];
        }

        if (depth == _limits.SubgraphDepthMax)
        {
            throw ModelLimits.Exceeded($"function '{function.Name}' lies {depth + 1} calls deep",
                _limits.SubgraphDepthMax, nameof(ModelLimits.SubgraphDepthMax));
        }

        RequireOpsets(function);
        var body = new FunctionBody(function, node, $"{node.Name}/{function.Name}.{_calls++}/");
        return [.. function.Node.SelectMany(inner => Expand(Counted(body, inner), depth + 1)), .. body.Copies()];
    }

    private NodeProto Counted(FunctionBody body, NodeProto node)
    {
        if (++_nodes > _limits.NodesMax)
        {
            throw ModelLimits.Exceeded("the functions of the model come to too many nodes", _limits.NodesMax,
                nameof(ModelLimits.NodesMax));
        }

        if ((_bytes += node.CalculateSize()) > _limits.FileBytesMax)
        {
            throw ModelLimits.Exceeded($"the functions of the model come to {_bytes} bytes", _limits.FileBytesMax,
                nameof(ModelLimits.FileBytesMax));
        }

        if ((_records += RecordsOf(node)) > _limits.RecordsMax)
        {
            throw ModelLimits.Exceeded("the functions of the model come to too many records", _limits.RecordsMax,
                nameof(ModelLimits.RecordsMax));
        }

        return body.Instantiate(node);
    }

    // As the file's own records: messages and strings.
    private static long RecordsOf(NodeProto node) => 1 + node.Input.Count + node.Output.Count + node.Attribute.Sum(
        a => 2L + a.Strings.Count + a.Tensors.Count + (a.G?.Node.Sum(RecordsOf) ?? 0) +
            a.Graphs.Sum(graph => graph.Node.Sum(RecordsOf)));

    private void RequireOpsets(FunctionProto function)
    {
        foreach (var import in function.OpsetImport)
        {
            var domain = GraphReader.DomainOf(import.Domain);
            if (_opsets.TryAdd(domain, (int)Math.Clamp(import.Version, 1, int.MaxValue)))
            {
                _model.OpsetImport.Add(import);
            }
            else if (_opsets[domain] != import.Version)
            {
                throw new ModelException(ModelError.UnsupportedOperator, $"function '{function.Name}' means opset " +
                    $"{import.Version} of '{domain}', the model {_opsets[domain]}: one of them is supported");
            }
        }
    }
}
