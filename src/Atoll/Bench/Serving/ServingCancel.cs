using Atoll.Serving;

namespace Atoll;

/// <summary>
/// Many clients send and leave at once: what waited must not run, what ran must stop, and the next request must find
/// the device free.
/// </summary>
internal static class ServingCancel
{
    private const int Clients = 400;
    private const int Alone = 20;

    /// <summary>
    /// The first ones after, of which the median counts: over HTTP the very first opens a connection.
    /// </summary>
    private const int Next = 5;

    public static async Task<ServingCancelReport> RunAsync(
        ServingLoad load, IRequestPath path, TimeProvider clock)
    {
        var alone = new List<double>();
        for (var i = 0; i < Alone; i++)
        {
            alone.Add((await RunOneAsync(load, path, clock, CancellationToken.None)).Ms);
        }

        using var leaving = new CancellationTokenSource();
        var requests = Enumerable.Range(0, Clients)
            .Select(_ => RunOneAsync(load, path, clock, leaving.Token)).ToArray();
        var left = clock.GetTimestamp();
        await leaving.CancelAsync();
        var ended = await Task.WhenAll(requests);
        var freed = clock.GetElapsedTime(left).TotalMilliseconds;
        var next = new List<double>();
        for (var i = 0; i < Next; i++)
        {
            next.Add((await RunOneAsync(load, path, clock, CancellationToken.None)).Ms);
        }

        return new ServingCancelReport(
            Clients, ended.Count(end => end.Status == InferenceStatus.Cancelled), freed,
            next.Order().ElementAt(Next / 2),
            alone.Order().ElementAt(Alone / 2));
    }

    private static async Task<(InferenceStatus Status, double Ms)> RunOneAsync(
        ServingLoad load, IRequestPath path, TimeProvider clock, CancellationToken cancellation)
    {
        var input = ServingModels.InputOf(load);
        var start = clock.GetTimestamp();
        var (status, _) = await path.SendAsync(load, input, cancellation);
        return (status, clock.GetElapsedTime(start).TotalMilliseconds);
    }
}
