namespace Atoll.Models;

/// <summary>
/// A value's part of a concatenation: elements start, start + 1, … along an axis of the node's output.
/// </summary>
internal sealed record ConcatPlacement(GraphNode Concat, int Axis, long Start)
{
    /// <summary>
    /// Gives each value that flows into a concatenation its place there. Of several concatenations the last one wins:
    /// in a dense block, where each layer concatenates all layers before it, all parts so come to lie in the buffer of
    /// the block's last and largest one, and the smaller ones are prefixes of it that cost nothing.
    /// </summary>
    public static Dictionary<GraphValue, ConcatPlacement> Find(Graph graph)
    {
        var places = new Dictionary<GraphValue, ConcatPlacement>(ReferenceEqualityComparer.Instance);
        foreach (var concat in graph.Nodes.Where(n => n.Is("Concat")))
        {
            var axis = AxisOf(concat);
            var (start, seen) = (0L, new HashSet<GraphValue>(ReferenceEqualityComparer.Instance));
            foreach (var part in concat.Inputs)
            {
                if (part!.Producer is not null && !part.IsConstant && seen.Add(part))
                {
                    places[part] = new ConcatPlacement(concat, axis, start);
                }

                start += part.Shape![axis];
            }
        }

        return places;
    }

    public static int AxisOf(GraphNode concat)
    {
        var axis = (int)concat.Attributes.Int("axis", 1);
        return axis < 0 ? axis + concat.Out().Shape!.Length : axis;
    }
}
