using Atoll.Devices;

namespace Atoll.Serving;

/// <summary>Sets when a request runs: by what it asks, its model's configuration and its client's token.</summary>
internal static class RequestScheduling
{
    // Timers count by a clock that may stand still for a tick of the system: 4 ms at 250 ticks a second.
    private static readonly TimeSpan TimerTick = TimeSpan.FromMilliseconds(5);

    /// <exception cref="RequestException">The token may not ask for real-time work.</exception>
    public static void Classify(
        InferenceRequest request, in RequestParameters parameters, ModelEntry entry, AccessToken token)
    {
        var configuration = entry.Configuration;
        var realTime = parameters.Priority == 1 ||
            (parameters.Priority == 0 && configuration.Class == WorkClass.RealTime);
        var needsRight = realTime || entry.Query is { HasRealTimeStage: true };
        if (needsRight && !token.AllowRealTime)
        {
            throw new RequestException(403,
                $"token '{token.Name}' may not ask for real-time work; ask with parameter 'priority' 2 to " +
                $"{ModelConfiguration.MaxPriority}, and of no query with a real-time stage (setting serving.tokens)");
        }

        request.Class = realTime ? WorkClass.RealTime : WorkClass.BestEffort;
        request.Priority = realTime ? 1 : parameters.Priority == 0 ? configuration.Priority : parameters.Priority;
    }

    /// <summary>
    /// Sets the deadline; the source cancels at it and is the caller's. Null where there is none.
    /// </summary>
    /// <param name="timeout">From arrival; null = no deadline.</param>
    /// <param name="arrived">Timestamp of the clock.</param>
    public static CancellationTokenSource? SetDeadline(
        InferenceRequest request, TimeSpan? timeout, long arrived, TimeProvider clock)
    {
        request.Arrival = arrived;
        if (timeout is not { } span)
        {
            return null;
        }

        request.Deadline = arrived + long.Max(1, (long)(span.TotalSeconds * clock.TimestampFrequency));

        // The timer only ends a wait or a run that is late; it rounds up so that it never fires early.
        return new CancellationTokenSource(span + TimerTick, clock);
    }
}
