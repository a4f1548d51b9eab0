using Atoll.Devices;

namespace Atoll.Serving.Tests;

/// <summary>
/// Batches that wait for their last moment on live lanes; a batch of n rows, of 1, 2, 4 or 8, takes 2 + n ms.
/// </summary>
public sealed class DeferredBatchTests
{
    private static LiveSessionOptions Options => SessionBench.Options() with { DefersBatches = true, IsPlanned = true };

    [Fact]
    public async Task A_batch_waits_for_the_last_moment_at_which_one_more_row_would_fit()
    {
        using var bench = new SessionBench(Options);
        var device = bench.AddDevice();
        var first = bench.InferAsync(1);
        bench.Clock.Advance(50_000);
        var second = bench.InferAsync(2);

        // Three rows run as four, for 6 ms, and the margin is 5 ms.
        bench.Clock.Advance(38_900);
        Assert.Empty(device.Batches);
        bench.Clock.Advance(100);

        Assert.Equal<byte[]>([[1, 2]], device.Batches);
        device.EndOne();
        await Task.WhenAll(first, second);
        Assert.Equal(2, bench.Session.Counts.Good);
    }

    [Fact]
    public async Task A_full_batch_starts_at_once()
    {
        using var bench = new SessionBench(Options);
        var device = bench.AddDevice();
        var first = bench.InferAsync(1, rows: 5);
        Assert.Empty(device.Batches);

        var second = bench.InferAsync(2, rows: 3);

        Assert.Equal<byte[]>([[1, 2]], device.Batches);
        device.EndOne();
        await Task.WhenAll(first, second);
    }

    [Fact]
    public async Task A_batch_does_not_wait_where_the_device_could_not_hold_both_last_moments()
    {
        using var bench = new SessionBench(Options);
        var other = new LiveSession(Options with { Name = "other" }, bench.Clock, bench.Clock.GetTimestamp());
        using var lane = new DeviceLane("fake", WorkClass.RealTime, bench.Clock, bench.Clock.GetTimestamp());
        var (own, others) = (new FakeReplica { Gated = true }, new FakeReplica { Gated = true });
        LaneSeat[] seats = [bench.Seat(bench.Session, lane, own, 4), bench.Seat(other, lane, others, 4)];
        lane.Serve(seats);
        bench.Session.Serve([seats[0]]);
        other.Serve([seats[1]]);

        var waits = bench.InferAsync(1);
        var starts = other.InferAsync(SessionBench.Request(2), CancellationToken.None).AsTask();

        Assert.Empty(own.Batches);
        Assert.Equal<byte[]>([[2]], others.Batches);
        others.EndOne();
        bench.Clock.Advance(91_000);
        own.EndOne();
        await Task.WhenAll(waits, starts);
    }

    [Fact]
    public async Task A_device_that_is_free_starts_what_is_due()
    {
        using var bench = new SessionBench(Options);
        var (first, second) = (bench.AddDevice(), bench.AddDevice());
        var waits = bench.InferAsync(1);
        Task<InferenceOutcome>[] full = [bench.InferAsync(2, rows: 7), bench.InferAsync(3)];
        Assert.Equal<byte[]>([[1, 2]], first.Batches);
        Assert.Empty(second.Batches);

        bench.Clock.Advance(91_000);

        Assert.Equal<byte[]>([[3]], second.Batches);
        first.EndOne();
        second.EndOne();
        await Task.WhenAll([waits, .. full]);
    }

    [Fact]
    public async Task A_batch_whose_clients_have_left_is_waited_for_no_longer()
    {
        using var bench = new SessionBench(Options);
        var device = bench.AddDevice();
        using var leaving = new CancellationTokenSource();
        var gone = bench.LeavingAsync(1, leaving.Token);
        Assert.Equal(1, bench.Clock.Waiting);
        await leaving.CancelAsync();
        Assert.Equal(InferenceStatus.Cancelled, (await gone).Status);

        bench.Clock.Advance(91_000);

        Assert.Equal(0, bench.Clock.Waiting);
        var next = bench.InferAsync(2);
        Assert.Empty(device.Batches);
        bench.Clock.Advance(91_000);
        Assert.Equal<byte[]>([[2]], device.Batches);
        device.EndOne();
        await next;
    }

    [Fact]
    public async Task After_a_loss_batches_start_at_once()
    {
        using var bench = new SessionBench(Options);
        var device = bench.AddDevice();
        Task<InferenceOutcome>[] busy = [bench.InferAsync(1, rows: 8), bench.InferAsync(2)];
        bench.Clock.Advance(99_000);
        device.EndOne();
        Assert.Equal(InferenceStatus.Late, (await busy[1]).Status);

        var eager = bench.InferAsync(3);

        Assert.Equal<byte[]>([[1], [3]], device.Batches);
        device.EndOne();
        await Task.WhenAll(busy[0], eager);
    }
}
