namespace Atoll.Models.Tests;

public sealed class GraphEditorTests
{
    [Fact]
    public void Index_of_readers_is_that_of_the_graph_after_every_edit()
    {
        for (var seed = 0; seed < 40; seed++)
        {
            var b = new GraphBuilder(seed);
            List<GraphValue> values = [b.Input(4), b.Input(4)];
            for (var i = 0; i < 60; i++)
            {
                values.Add(b.Op("Add", Pick(b, values), Pick(b, values)));
            }

            var graph = b.Build(values[^1]);
            var editor = new GraphEditor(graph);
            editor.Readers(values[0]);
            for (var edit = 0; edit < 40; edit++)
            {
                var node = graph.Nodes[b.Random.Next(graph.Nodes.Count)];
                editor.Near = b.Random.Next(graph.Nodes.Count);
                if (b.Random.Next(3) == 0)
                {
                    editor.TryBypass(node, node.Inputs[0]!, node.Outputs[0]!);
                }
                else
                {
                    editor.Replace([node], node.Copy([node.Inputs[0], node.Inputs[0]]));
                }

                Check(graph, editor, seed);
            }

            editor.RemoveDead();
            Check(graph, editor, seed);
        }
    }

    [Fact]
    public void Forty_thousand_rewrites_and_removals_leave_the_graph_in_order()
    {
        var b = new GraphBuilder(1);
        var x = b.Input(4);
        var y = x;
        for (var i = 0; i < 40_000; i++)
        {
            y = b.Op("Mul", y, b.Op("Sigmoid", y));
        }

        var graph = b.Build(y);
        Assert.Equal(40_000, new SiluFusion().Apply(graph));
        Assert.Equal(40_000, graph.Nodes.Count);
        Assert.All(graph.Nodes.Skip(1).Zip(graph.Nodes), pair => Assert.Same(pair.First.Inputs[0],
            pair.Second.Outputs[0]));
    }

    private static GraphValue Pick(GraphBuilder b, List<GraphValue> values) => values[b.Random.Next(values.Count)];

    private static void Check(Graph graph, GraphEditor editor, int seed)
    {
        var fresh = new GraphEditor(graph);
        foreach (var value in graph.Nodes.SelectMany(n => n.Inputs.Concat(n.Outputs)).OfType<GraphValue>().Distinct())
        {
            Assert.True(fresh.Readers(value).ToHashSet().SetEquals(editor.Readers(value)) &&
                fresh.Readers(value).Count == editor.Readers(value).Count, $"seed {seed}: readers of {value}");
        }
    }
}
