using Atoll.Models.Onnx;

namespace Atoll.Models;

/// <summary>Which nodes of a stored model, those of its subgraphs included, the operator table lacks.</summary>
internal static class OperatorSupport
{
    private const int Shown = 50;

    /// <summary>Names every operator that is not had, so that a user sees the whole gap at once.</summary>
    /// <exception cref="ModelException">There is one.</exception>
    public static void Require(ModelProto model, Dictionary<string, int> opsets)
    {
        if (Describe(model, opsets) is { Length: > 0 } missing)
        {
            throw new ModelException(
                ModelError.UnsupportedOperator, $"operators that are not supported: {missing}");
        }
    }

    /// <summary>Operator, node name and opset of what is not had, the first ones; empty when all is had.</summary>
    public static string Describe(ModelProto model, Dictionary<string, int> opsets)
    {
        var missing = Missing(model.Graph, opsets).Select(found =>
        {
            var (node, index) = found;
            var domain = GraphReader.DomainOf(node.Domain);
            var name = node.Name.Length > 0 ? node.Name : $"{node.OpType}_{index}";
            return $"{(domain.Length > 0 ? domain + "." : "")}{node.OpType} " +
                $"(node '{name}', opset {opsets.GetValueOrDefault(domain)})";
        }).ToList();
        var more = missing.Count > Shown ? $" and {missing.Count - Shown} more" : "";
        return string.Join(", ", missing.Take(Shown)) + more;
    }

    /// <summary>The nodes with their place in their graph, outer graphs first.</summary>
    public static IEnumerable<(NodeProto Node, int Index)> Missing(GraphProto graph, Dictionary<string, int> opsets)
    {
        foreach (var (index, node) in graph.Node.Index())
        {
            var domain = GraphReader.DomainOf(node.Domain);
            if (!OperatorTable.Has(domain, node.OpType, opsets.GetValueOrDefault(domain)))
            {
                yield return (node, index);
            }
        }
        foreach (var inner in graph.Node.SelectMany(n => n.Attribute).Where(a => a.G is not null)
            .SelectMany(a => Missing(a.G, opsets)))
        {
            yield return inner;
        }
    }
}
