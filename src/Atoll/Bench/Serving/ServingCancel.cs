using Atoll.Devices;
using Atoll.Serving;

namespace Atoll;

/// <summary>
/// Many clients send and leave at once: what waited must not run, what ran must stop, and the next request must find
/// the
/// device free.
/// </summary>
internal static class ServingCancel
{
    private const int Clients = 400;
    private const int Alone = 20;

    public static async Task<ServingCancelReport> RunAsync(ServingLoad load, TimeProvider clock)
    {
        var input = ServingModels.InputOf(load);
        var alone = new List<double>();
        for (var i = 0; i < Alone; i++)
        {
            alone.Add((await RunOneAsync(load, input, clock, CancellationToken.None)).Ms);
        }

        using var leaving = new CancellationTokenSource();
        var requests = Enumerable.Range(0, Clients)
            .Select(_ => RunOneAsync(load, input, clock, leaving.Token)).ToArray();
        var left = clock.GetTimestamp();
        await leaving.CancelAsync();
        var ended = await Task.WhenAll(requests);
        var freed = clock.GetElapsedTime(left).TotalMilliseconds;
        var next = await RunOneAsync(load, input, clock, CancellationToken.None);
        return new ServingCancelReport(
            Clients, ended.Count(end => end.Status == InferenceStatus.Cancelled), freed, next.Ms,
            alone.Order().ElementAt(Alone / 2));
    }

    private static async Task<(InferenceStatus Status, double Ms)> RunOneAsync(
        ServingLoad load, InputTensor[] input, TimeProvider clock, CancellationToken cancellation)
    {
        var start = clock.GetTimestamp();
        using var request = new InferenceRequest { Inputs = input, Class = WorkClass.RealTime, Priority = 1 };
        request.Outputs.Add(new OutputRequest(0, Binary: true));
        var outcome = await load.Model.InferAsync(request, cancellation);
        outcome.Outputs?.Dispose();
        return (outcome.Status, clock.GetElapsedTime(start).TotalMilliseconds);
    }
}
