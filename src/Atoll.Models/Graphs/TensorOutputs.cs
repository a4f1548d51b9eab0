namespace Atoll.Models;

/// <summary>
/// Makes tensors of those outputs that only name the columns of one: exporters of classifiers put a ZipMap at the end,
/// which makes a map from label to score of each row, and protocols carry tensors only.
/// </summary>
public static class TensorOutputs
{
    /// <summary>
    /// Puts the table of scores, one column per label in the node's order, where its maps were; in place.
    /// </summary>
    public static void Apply(Graph graph)
    {
        for (var i = 0; i < graph.Outputs.Count; i++)
        {
            if (graph.Outputs[i].Producer is not { Operator: "ZipMap", Domain: LinearOperators.Domain } zip ||
                zip.In(0) is not { } scores)
            {
                continue;
            }

            var table = new GraphValue(graph.Outputs[i].Name) { Type = scores.Type, Shape = scores.Shape };
            var node = new GraphNode
            {
                Name = $"{zip.Name}/scores", Operator = "Identity", Opset = OperatorTable.NewestOpset,
                Inputs = [scores], Outputs = [table],
            };
            table.Producer = node;
            graph.Nodes.Remove(zip);
            graph.Nodes.Add(node);
            graph.Outputs[i] = table;
        }
    }
}
