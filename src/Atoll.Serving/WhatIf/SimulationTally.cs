namespace Atoll.Serving;

/// <summary>Counts what a simulation does, second by second and by name.</summary>
internal sealed class SimulationTally
{
    private readonly TimeSpan _from;
    private readonly TimeSpan _until;
    private readonly List<OutcomeCount> _seconds = [];
    private readonly List<HashSet<int>> _used = [];
    private readonly List<int> _planned = [];
    private readonly Dictionary<string, OutcomeCount> _byName = [];
    private readonly OutcomeCount _all = new();
    private TimeSpan _busy;
    private long _batches;
    private long _batched;

    public SimulationTally(SimulationOptions options)
    {
        _from = options.WarmUp;
        _until = options.WarmUp + options.Duration;
    }

    public int Plans { get; set; }

    public int DevicesPlanned { get; set; }

    public long Entered { get; set; }

    public TimeSpan DispatchTime { get; set; }

    public void Count(string name, TimeSpan arrival, RequestOutcome outcome)
    {
        Second(arrival);
        _seconds[(int)arrival.TotalSeconds].Add(outcome);
        if (arrival >= _from && arrival < _until)
        {
            _all.Add(outcome);
            if (!_byName.TryGetValue(name, out var own))
            {
                _byName[name] = own = new();
            }

            own.Add(outcome);
        }
    }

    public void Batch(int device, int size, TimeSpan start, TimeSpan execution)
    {
        Second(start);
        _used[(int)start.TotalSeconds].Add(device);
        if (start >= _from && start < _until)
        {
            _batches++;
            _batched += size;
        }

        // The part of the execution within the counted time.
        var end = start + execution < _until ? start + execution : _until;
        var begin = start > _from ? start : _from;
        _busy += end > begin ? end - begin : TimeSpan.Zero;
    }

    public SimulationOutcome Outcome()
    {
        var duration = _until - _from;
        var counted = Enumerable.Range(0, _seconds.Count)
            .Where(second => second >= _from.TotalSeconds && second + 1 <= _until.TotalSeconds).ToArray();
        return new()
        {
            Duration = duration,
            Requests = _all,
            ByName = _byName,
            Seconds = [.. _seconds.Select((count, i) => new SimulationSecond(count, _used[i].Count, _planned[i]))],
            DevicesBusy = _busy / duration,
            DevicesUsed = counted.Length == 0 ? 0 : counted.Average(second => _used[second].Count),
            MeanBatch = _batches == 0 ? 0 : (double)_batched / _batches,
            Plans = Plans,
            DispatchMicroseconds = Entered == 0 ? 0 : DispatchTime.TotalMicroseconds / Entered,
        };
    }

    private void Second(TimeSpan at)
    {
        while (_seconds.Count <= (int)at.TotalSeconds)
        {
            _seconds.Add(new());
            _used.Add([]);
            _planned.Add(DevicesPlanned);
        }
    }
}
