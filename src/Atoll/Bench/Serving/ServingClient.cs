using Atoll.Serving;

namespace Atoll;

/// <summary>
/// An open-loop client of one load: sends at the times that were drawn, whatever became of the requests before, and
/// counts what came back. Latency runs from the time at which a request was due, so that a late sender hides nothing.
/// </summary>
internal sealed class ServingClient(
    ServingLoad load, IRequestPath path, double[] arrivals, TimeProvider clock)
{
    private readonly InputTensor[] _input = ServingModels.InputOf(load);
    private readonly double[] _latenciesMs = new double[arrivals.Length];
    private readonly InferenceStatus[] _ended = new InferenceStatus[arrivals.Length];
    private readonly TaskCompletionSource _done = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private int _left = arrivals.Length;
    private volatile string? _reason;

    public ServingLoad Load => load;

    public IReadOnlyList<double> Arrivals => arrivals;

    /// <summary>Sends the request of this number; it answers for itself.</summary>
    public void Send(int index, long start) => _ = SendAsync(index, start);

    /// <summary>Waits until all requests have ended; false when the time ran out.</summary>
    public bool Join(TimeSpan timeout) => arrivals.Length == 0 || _done.Task.Wait(timeout);

    public ServingLoadRow Report(double plannedRps, double meanBatch)
    {
        var good = Enumerable.Range(0, arrivals.Length).Count(IsGood);

        double[] completed = [.. _latenciesMs.Where((_, i) => _ended[i] == InferenceStatus.Completed).Order()];
        return new ServingLoadRow
        {
            Name = load.Name,
            ObjectiveMs = load.Objective.TotalMilliseconds,
            PlannedRps = plannedRps,
            Sent = arrivals.Length,
            Good = good,
            Late = _ended.Count(status => status == InferenceStatus.Completed) - good,
            Dropped = _ended.Count(status => status == InferenceStatus.Late),
            Refused = _ended.Count(status => status is InferenceStatus.NotAdmitted or InferenceStatus.QueueFull),
            Failed = _ended.Count(
                status => status is InferenceStatus.Failed or InferenceStatus.Rejected or InferenceStatus.Cancelled),
            P50Ms = Quantile(completed, 0.5),
            P99Ms = Quantile(completed, 0.99),
            MeanBatch = meanBatch,
            Reason = _reason ?? "",
        };
    }

    /// <summary>Adds, for each second, the requests that were due in it and those of them answered in time.</summary>
    public void CountSeconds(int[] sent, int[] good)
    {
        for (var i = 0; i < arrivals.Length; i++)
        {
            sent[(int)arrivals[i]]++;
            good[(int)arrivals[i]] += IsGood(i) ? 1 : 0;
        }
    }

    private bool IsGood(int index) =>
        _ended[index] == InferenceStatus.Completed && _latenciesMs[index] <= load.Objective.TotalMilliseconds;

    private static double Quantile(double[] sorted, double part) =>
        sorted.Length == 0 ? double.NaN : sorted[(int)((sorted.Length - 1) * part)];

    private async Task SendAsync(int index, long start)
    {
        var (status, reason) = await path.SendAsync(load, _input, CancellationToken.None);
        _latenciesMs[index] = clock.GetElapsedTime(start).TotalMilliseconds - (arrivals[index] * 1000);
        _ended[index] = status;
        if (status != InferenceStatus.Completed)
        {
            _reason ??= reason;
        }

        if (Interlocked.Decrement(ref _left) == 0)
        {
            _done.SetResult();
        }
    }
}
