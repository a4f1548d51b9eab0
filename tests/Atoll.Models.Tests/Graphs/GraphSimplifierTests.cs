namespace Atoll.Models.Tests;

/// <summary>Simplifying removes what need not run and changes no output.</summary>
public sealed class GraphSimplifierTests
{
    private static readonly Tensor Two = Tensor.Float([2], [1, -2]);

    [Fact]
    public void Identity_and_dropout_disappear()
    {
        var graph = new ProtoModel().Input("x", 2)
            .Node("Identity", "x", "a").Node("Identity", "a", "b").Node("Dropout", "b", "c").Node("Relu", "c", "y")
            .Output("y", 2).Load().Graph;
        GraphSimplifier.Run(graph);
        Assert.Equal("Relu", Assert.Single(graph.Nodes).Operator);
        Assert.Same(graph.Inputs[0], graph.Nodes[0].Inputs[0]);
    }

    [Fact]
    public void Identity_that_makes_an_output_stays()
    {
        var graph = new ProtoModel().Input("x", 2).Node("Identity", "x", "y").Output("y", 2).Load().Graph;
        GraphSimplifier.Run(graph);
        Assert.Single(graph.Nodes);
        Assert.Equal(Two.Data, ReferenceInterpreter.Run(graph, [Two])[0].Data);
    }

    [Fact]
    public void Nodes_that_nothing_reads_disappear()
    {
        var graph = new ProtoModel().Input("x", 2).Node("Relu", "x", "y").Node("Exp", "x", "a").Node("Abs", "a", "b")
            .Output("y", 2).Load().Graph;
        GraphSimplifier.Run(graph);
        Assert.Equal("Relu", Assert.Single(graph.Nodes).Operator);
    }

    [Fact]
    public void Constant_branch_is_computed_at_load()
    {
        var graph = new ProtoModel().Input("x", 2).Float("w", [2], 3, 4).Node("Neg", "w", "n").Node("Add", "x n", "y")
            .Output("y", 2).Load().Graph;
        GraphSimplifier.Run(graph);
        Assert.Equal([-3f, -4], Assert.Single(graph.Nodes).Inputs[1]!.Constant!.AsSpan<float>().ToArray());
        Assert.Equal([-2f, -6], ReferenceInterpreter.Run(graph, [Two])[0].AsSpan<float>().ToArray());
    }

    [Fact]
    public void Results_past_the_folding_limit_stay_as_nodes()
    {
        var graph = new ProtoModel().Int64("s", [2], 100, 100).Node("ConstantOfShape", "s", "y").Output("y", 100, 100)
            .Load().Graph;
        GraphSimplifier.Run(graph, new ModelLimits { FoldElementsMax = 9_999 });
        Assert.Single(graph.Nodes);
        GraphSimplifier.Run(graph, new ModelLimits { FoldElementsMax = 10_000 });
        Assert.Empty(graph.Nodes);
        Assert.True(graph.Outputs[0].IsConstant);
    }

    [Fact]
    public void Unordered_nodes_are_sorted()
    {
        var graph =
            new ProtoModel().Input("x", 2).Node("Abs", "a", "y").Node("Neg", "x", "a").Output("y", 2).Load().Graph;
        Assert.Equal(["Neg", "Abs"], graph.Nodes.Select(n => n.Operator));
    }
}
