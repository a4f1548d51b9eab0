namespace Atoll.Models;

/// <summary>
/// A subgraph as a model of its own: what it captures of its node's constants is constant in it, so that weights are
/// packed once and not fed for each iteration.
/// </summary>
/// <param name="Model">The compiled subgraph.</param>
/// <param name="Fed">Which of the subgraph's inputs are fed, by index.</param>
internal sealed record BoundSubgraph(HybridModel Model, int[] Fed)
{
    public static BoundSubgraph Of(GraphNode node, Graph body, CompileOptions options)
    {
        var copy = GraphSpecializer.Copy(body);
        var first = node.Inputs.Count - node.CaptureCount;
        var declared = copy.Inputs.Count - copy.CaptureSlots.Count;
        var fed = new List<int>();
        for (var i = 0; i < body.Inputs.Count; i++)
        {
            var source = i < declared ? null : node.Inputs[first + copy.CaptureSlots[i - declared]];
            var input = copy.Inputs[i];
            if (source is not null)
            {
                (input.Type, input.Container, input.Constant) = (source.Type, source.Container, source.Constant);
                input.Shape = source.IsConstant ? source.Shape : null;
            }

            if (!input.IsConstant)
            {
                fed.Add(i);
            }
        }

        copy.Inputs.RemoveAll(i => i.IsConstant);
        copy.CaptureSlots.Clear();
        return new BoundSubgraph(HybridModel.CompileSubgraph(copy, options), [.. fed]);
    }
}
