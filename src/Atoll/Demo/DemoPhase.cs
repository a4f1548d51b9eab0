using Atoll.Devices;

namespace Atoll;

/// <summary>Runs the clients together for a while on a device in one share mode.</summary>
internal sealed class DemoPhase(
    CpuDevice device, IReadOnlyList<RealTimeClient> realTime, IReadOnlyList<BestEffortClient> bestEffort,
    TimeProvider clock)
{
    // The first requests open connections and bring the clients to their steady state; they do not count.
    private static readonly TimeSpan Settling = TimeSpan.FromMilliseconds(300);
    private static readonly TimeSpan IdleLimit = TimeSpan.FromSeconds(10);
    private static readonly TimeSpan IdleCheck = TimeSpan.FromMilliseconds(5);

    /// <exception cref="HttpRequestException">The server failed at a request.</exception>
    public async Task<DemoMeasurement> RunAsync(ShareMode mode, double seconds, CancellationToken cancellation)
    {
        await SwitchWhenIdleAsync(mode, cancellation);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
        Task[] load = [.. bestEffort.Select(client => Task.Run(() => client.RunAsync(either.Token), either.Token))];
        try
        {
            var measuring = MeasureAsync(seconds, either.Token);
            // A client that fails ends the phase at once.
            await await Task.WhenAny([measuring, .. load]);
            return await measuring;
        }
        catch
        {
            await either.CancelAsync();
            throw;
        }
        finally
        {
            foreach (var client in bestEffort)
            {
                client.Stop();
            }

            await Task.WhenAll(load).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
    }

    private async Task<DemoMeasurement> MeasureAsync(double seconds, CancellationToken cancellation)
    {
        await Task.Delay(Settling, clock, cancellation);
        device.Statistics.Clear();
        var before = bestEffort.ToDictionary(client => client.Model, client => client.Answered);
        var blocks = device.BlocksRun(WorkClass.BestEffort);
        var start = clock.GetTimestamp();
        var window = Task.Delay(TimeSpan.FromSeconds(seconds), clock, cancellation);
        var samples = await Task.WhenAll(
            realTime.Select(client => Task.Run(() => client.RunAsync(seconds, cancellation), cancellation)));
        await window;
        var elapsed = clock.GetElapsedTime(start).TotalSeconds;
        return new DemoMeasurement
        {
            RealTime = samples,
            BestEffort = bestEffort.ToDictionary(
                client => client.Model, client => (client.Answered - before[client.Model]) / elapsed),
            Preemptions = device.Statistics.Preemptions,
            Latency = realTime.Count > 0 && bestEffort.Count > 0 ? Latencies.Of(device.Statistics) : null,
            RepeatedBlocks = device.Statistics.Repeated,
            BestEffortBlocks = device.BlocksRun(WorkClass.BestEffort) - blocks,
        };
    }

    /// <summary>
    /// Others may use the server too, so the device may be busy for a moment after the clients ended.
    /// </summary>
    private async Task SwitchWhenIdleAsync(ShareMode mode, CancellationToken cancellation)
    {
        var start = clock.GetTimestamp();
        while (true)
        {
            try
            {
                device.SwitchMode(mode);
                return;
            }
            catch (InvalidOperationException) when (clock.GetElapsedTime(start) < IdleLimit)
            {
                await Task.Delay(IdleCheck, clock, cancellation);
            }
        }
    }
}
