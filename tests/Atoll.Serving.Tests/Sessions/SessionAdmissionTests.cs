namespace Atoll.Serving.Tests;

public sealed class SessionAdmissionTests
{
    [Fact]
    public async Task Only_what_waits_with_an_earlier_deadline_keeps_a_request_out()
    {
        using var bench = new SessionBench();
        var device = bench.AddDevice();
        var first = bench.InferAsync(1);
        var waiting = Enumerable.Range(0, 10).Select(_ => bench.InferAsync(2, rows: 8)).ToArray();

        var hopeless = await bench.InferAsync(3, rows: 8);
        var urgent = bench.InferAsync(4, deadline: bench.Clock.GetTimestamp() + 50_000);

        Assert.Equal(InferenceStatus.NotAdmitted, hopeless.Status);
        Assert.Contains("80 rows wait for session 'm' with earlier deadlines", hopeless.Reason);
        device.EndOne();
        device.EndOne();
        Assert.Equal([4], SessionBench.Take(await urgent));
        SessionBench.Take(await first);
        Assert.All(waiting, request => Assert.False(request.IsCompleted));
    }
}
