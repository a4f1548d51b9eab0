namespace Atoll.Serving.Tests;

public sealed class EpochTriggerTests
{
    private readonly EpochTrigger _trigger = new(new SessionDirectorOptions());

    [Fact]
    public void Nothing_happens_before_the_epoch_ends_while_the_load_is_as_planned()
    {
        _trigger.Planned(At(0));

        Assert.All(Enumerable.Range(1, 14), second => Assert.False(_trigger.IsDue(At(second), [new(100, 104)])));
        Assert.True(_trigger.IsDue(At(15), [new(100, 104)]));
    }

    [Fact]
    public void A_change_that_lasts_two_ticks_is_answered_within_two_seconds_and_one_tick_of_chance_is_not()
    {
        _trigger.Planned(At(0));

        Assert.False(_trigger.IsDue(At(3), [new(100, 300)]));
        Assert.False(_trigger.IsDue(At(4), [new(100, 101)]));
        Assert.False(_trigger.IsDue(At(5), [new(100, 300)]));
        Assert.True(_trigger.IsDue(At(6), [new(100, 300)]));
    }

    [Fact]
    public void Poisson_noise_of_a_rare_session_moves_nothing()
    {
        var random = new Random(7);
        _trigger.Planned(At(0));

        // A rate of 2 per second comes as 0 to 7 requests.
        Assert.All(Enumerable.Range(1, 14), second =>
            Assert.False(_trigger.IsDue(At(second), [new(2, random.Next(0, 6))])));
    }

    private static TimeSpan At(int second) => TimeSpan.FromSeconds(second);
}
