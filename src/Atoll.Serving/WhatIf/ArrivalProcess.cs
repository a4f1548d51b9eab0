namespace Atoll.Serving;

/// <summary>
/// The arrival times of one session. Gaps are drawn in units of expected arrivals (exponential, or 1 for uniform) and
/// laid along the rate, which is constant between steps and switches of the burst state.
/// </summary>
internal sealed class ArrivalProcess : IArrivals
{
    private readonly ArrivalPattern _pattern;
    private readonly double _rate;
    private readonly Random _random;
    private readonly double _lowFactor;
    private double _now;
    private int _step = -1;
    private bool _isHigh;
    private double _switchAt = double.PositiveInfinity;

    /// <param name="pattern">Any kind but a trace.</param>
    /// <param name="rate">Mean arrivals per second, above zero.</param>
    /// <param name="random">Owned by this process.</param>
    public ArrivalProcess(ArrivalPattern pattern, double rate, Random random)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(rate);
        _pattern = pattern;
        _rate = rate;
        _random = random;
        if (pattern.Kind == ArrivalKind.Bursty)
        {
            var high = pattern.BurstFactor * pattern.BurstShare;
            if (pattern.BurstShare is not (> 0 and < 1) || pattern.BurstFactor <= 1 || high > 1)
            {
                throw new ServingException(ServingError.InvalidPlan, $"arrivals: bursts of {pattern.BurstFactor} x " +
                    $"the mean for {pattern.BurstShare} of the time leave a rate below zero for the rest");
            }

            _lowFactor = (1 - high) / (1 - pattern.BurstShare);
            _isHigh = random.NextDouble() < pattern.BurstShare;
            _switchAt = Sojourn();
        }

        // Uniform processes of equal rate do not march in step.
        _ = pattern.Kind == ArrivalKind.Uniform ? Advance(random.NextDouble()) : 0;
    }

    public TimeSpan Next()
    {
        var work = _pattern.Kind == ArrivalKind.Uniform ? 1 : -Math.Log(1 - _random.NextDouble());
        return TimeSpan.FromTicks((long)(Advance(work) * TimeSpan.TicksPerSecond));
    }

    private double Advance(double work)
    {
        while (true)
        {
            while (_step + 1 < _pattern.Steps.Count && _pattern.Steps[_step + 1].At.TotalSeconds <= _now)
            {
                _step++;
            }

            var stepEnd = _step + 1 < _pattern.Steps.Count
                ? _pattern.Steps[_step + 1].At.TotalSeconds
                : double.PositiveInfinity;
            var end = Math.Min(stepEnd, _switchAt);
            var rate = _rate * (_step >= 0 ? _pattern.Steps[_step].Factor : 1) * BurstState();
            var need = rate > 0 ? work / rate : double.PositiveInfinity;
            if (_now + need <= end || double.IsPositiveInfinity(end))
            {
                // A rate of zero for ever: no further arrival within any simulation.
                return _now = Math.Min(_now + need, TimeSpan.MaxValue.TotalSeconds / 2);
            }

            work -= (end - _now) * rate;
            _now = end;
            if (_now >= _switchAt)
            {
                _isHigh = !_isHigh;
                _switchAt = _now + Sojourn();
            }
        }
    }

    private double BurstState() => _pattern.Kind != ArrivalKind.Bursty ? 1
        : _isHigh ? _pattern.BurstFactor : _lowFactor;

    private double Sojourn()
    {
        var high = _pattern.BurstLength.TotalSeconds;
        var mean = _isHigh ? high : high * (1 - _pattern.BurstShare) / _pattern.BurstShare;
        return -Math.Log(1 - _random.NextDouble()) * mean;
    }
}
