namespace Atoll.Models;

/// <summary>
/// One rewriting of a graph that keeps its meaning: tries each node as the end (or heart) of a pattern.
/// </summary>
internal abstract class GraphPass
{
    /// <summary>
    /// Rewrites around the node, whose first output is there, if the pattern is; true when the graph changed.
    /// </summary>
    protected abstract bool TryRewrite(GraphNode node, GraphEditor editor);

    /// <summary>Applies the pass until nothing matches; returns the number of rewrites.</summary>
    public int Apply(Graph graph)
    {
        var editor = new GraphEditor(graph);
        var rewrites = 0;
        for (var i = 0; i < graph.Nodes.Count; i++)
        {
            editor.Near = i;
            while (i < graph.Nodes.Count && graph.Nodes[i].Outputs[0] is not null && TryRewrite(graph.Nodes[i], editor))
            {
                rewrites++;
                // A rewrite takes out earlier nodes too: step back so that none is passed over.
                i = Math.Max(0, i - LongestPattern);
                editor.Near = i;
            }
        }

        if (rewrites > 0)
        {
            editor.RemoveDead();
        }

        return rewrites;
    }

    private const int LongestPattern = 12;
}
