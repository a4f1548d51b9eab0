namespace Atoll.Serving.Tests;

public sealed class LiveProfileTests : IDisposable
{
    private readonly ManualClock _clock = new();

    public void Dispose() => _clock.Dispose();

    [Fact]
    public void Measured_batches_replace_the_first_profile_once_there_are_enough_of_them()
    {
        var profile = new LiveProfile(SessionBench.Profile, _clock);

        Record(profile, rows: 3, milliseconds: 12, times: 7);
        profile.Correct();
        Assert.Equal(6, profile.ForPlanning.Latency(4).TotalMilliseconds);
        Record(profile, rows: 3, milliseconds: 12, times: 1);
        profile.Correct();

        Assert.Equal(12, profile.ForPlanning.Latency(4).TotalMilliseconds);
        Assert.Equal(12, profile.ForDispatch.Latency(3).TotalMilliseconds);
    }

    [Fact]
    public void A_size_without_batches_is_as_much_slower_than_measured_as_the_nearest_that_has_some()
    {
        var profile = new LiveProfile(SessionBench.Profile, _clock);
        var measured = profile.ForPlanning;
        Record(profile, rows: 1, milliseconds: 4.5, times: 8);
        Record(profile, rows: 8, milliseconds: 20, times: 8);

        profile.Correct();

        Assert.Equal(1.5 * measured.Latency(2), profile.ForPlanning.Latency(2));
        Assert.Equal(2 * measured.Latency(4), profile.ForPlanning.Latency(4));
        Assert.Equal(2 * measured.Latency(4), profile.ForDispatch.Latency(4));
    }

    [Fact]
    public void One_stall_of_the_machine_does_not_make_dispatch_give_up_everything()
    {
        var profile = new LiveProfile(SessionBench.Profile, _clock);
        Record(profile, rows: 1, milliseconds: 3, times: 20);
        Record(profile, rows: 1, milliseconds: 500, times: 1);

        profile.Correct();

        Assert.InRange(profile.ForDispatch.Latency(1).TotalMilliseconds, 3, 6);
    }

    [Fact]
    public void What_is_old_no_longer_counts()
    {
        var profile = new LiveProfile(SessionBench.Profile, _clock);
        Record(profile, rows: 1, milliseconds: 50, times: 20);
        profile.Correct();
        Assert.Equal(50, profile.ForDispatch.Latency(1).TotalMilliseconds);

        _clock.Advance(20_000_000);
        profile.Correct();

        Assert.Equal(3, profile.ForDispatch.Latency(1).TotalMilliseconds);
    }

    [Fact]
    public void A_profile_that_lets_nothing_run_is_trusted_less_until_something_runs()
    {
        var profile = new LiveProfile(SessionBench.Profile, _clock);

        profile.Correct(isStarved: true);
        profile.Correct(isStarved: true);
        Assert.Equal(3 * 0.8 * 0.8, profile.ForDispatch.Latency(1).TotalMilliseconds, 3);
        profile.Correct();

        Assert.Equal(3, profile.ForDispatch.Latency(1).TotalMilliseconds);
    }

    private static void Record(LiveProfile profile, int rows, double milliseconds, int times)
    {
        for (var i = 0; i < times; i++)
        {
            profile.Record(rows, TimeSpan.FromMilliseconds(milliseconds));
        }
    }
}
