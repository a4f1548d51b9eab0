namespace Atoll.Serving.Tests;

public sealed class QueryBuilderTests
{
    private static QueryBuilder Empty => new("q", TimeSpan.FromMilliseconds(100), 1);

    [Fact]
    public void Stages_come_after_all_that_they_depend_on()
    {
        var query = Empty.Stage("c", "m").Stage("a", "m").Stage("b", "m").Edge("a", "b").Edge("b", "c").Build();
        Assert.Equal(["a", "b", "c"], query.Stages.Select(stage => stage.Name));
        Assert.True(query.IsTree);
    }

    [Fact]
    public void A_cycle_is_named() => Refused(
        Empty.Stage("a", "m").Stage("b", "m").Stage("c", "m").Edge("a", "b").Edge("b", "c").Edge("c", "b"),
        "has a cycle: ", "b -> c", "c -> b");

    [Fact]
    public void A_stage_that_follows_itself_is_a_cycle() => Refused(Empty.Stage("a", "m").Edge("a", "a"), "a -> a");

    [Fact]
    public void An_edge_to_nowhere_is_named() =>
        Refused(Empty.Stage("a", "m").Edge("a", "b"), "edge a -> b", "no stage 'b'");

    [Fact]
    public void A_stage_or_an_edge_that_is_there_twice_is_refused()
    {
        Refused(Empty.Stage("a", "m").Stage("a", "m"), "stage 'a' twice");
        Refused(Empty.Stage("a", "m").Stage("b", "m").Edge("a", "b").Edge("a", "b"), "edge a -> b twice");
    }

    [Fact]
    public void Gamma_and_probability_have_bounds()
    {
        Refused(Empty.Stage("a", "m").Stage("b", "m").Edge("a", "b", gamma: 0), "gamma 0");
        Refused(Empty.Stage("a", "m").Stage("b", "m").Edge("a", "b", probability: 1.5), "probability 1.5");
        Refused(Empty, "0 stages");
    }

    /// <summary>One of the texts is in the message: a cycle may be told from any of its stages.</summary>
    private static void Refused(QueryBuilder builder, params string[] told)
    {
        var error = Assert.Throws<ServingException>(() => builder.Build());
        Assert.Equal(ServingError.InvalidPlan, error.Error);
        Assert.StartsWith("query 'q' ", error.Message, StringComparison.Ordinal);
        Assert.Contains(told, text => error.Message.Contains(text, StringComparison.Ordinal));
    }
}
