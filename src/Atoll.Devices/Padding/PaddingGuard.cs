namespace Atoll.Devices;

/// <summary>
/// Decides, launch by launch of one real-time program, whether it may be padded. It compares padded launches with
/// unpadded controls; when the slowdown exceeds the budget by more than the noise, padding pauses, then is tried anew:
/// <code>
/// Padding --slowdown beyond budget--> Paused --pause over--> Padding
/// </code>
/// After a pause averages are fresh, and a further stop pauses twice as long.
/// Deterministic, allocation-free, not thread-safe.
/// </summary>
public sealed class PaddingGuard
{
    private readonly PaddingGuardOptions _options;
    private readonly double _controlSmoothing;
    private MovingTime _padded;
    private MovingTime _control;
    private int _sinceControl;
    private int _pauseNext;
    private int _pauseLeft;

    public PaddingGuard(PaddingGuardOptions? options = null)
    {
        _options = options ?? new PaddingGuardOptions();
        _options.Validate();
        _pauseNext = _options.PauseFirst;
        // Controls are rare: a larger weight lets both averages look back equally far, so that drift cancels out.
        _controlSmoothing = Math.Min(0.5, _options.Smoothing * _options.ControlEvery);
    }

    /// <summary>Padding is switched off for the time being.</summary>
    public bool IsPaused => _pauseLeft > 0;

    /// <summary>How often the budget was passed.</summary>
    public long Stops { get; private set; }

    /// <summary>Mean microseconds of recent launches with padding; 0 before the first.</summary>
    public double PaddedMicroseconds => _padded.Mean;

    /// <summary>Mean microseconds of recent launches without padding; 0 before the first.</summary>
    public double ControlMicroseconds => _control.Mean;

    /// <summary>Measured slowdown by padding as a share, e.g. 0.01; 0 before both kinds were seen.</summary>
    public double Slowdown => _padded.Count > 0 && _control.Count > 0 ? _padded.Mean / _control.Mean - 1 : 0;

    /// <summary>Asked once when a launch starts; the answer goes back to <see cref="Ended"/> with its time.</summary>
    public bool ShouldPad()
    {
        if (_pauseLeft > 0)
        {
            _pauseLeft--;
            if (_pauseLeft == 0)
            {
                _padded = default;
                _sinceControl = 0;
            }

            return false;
        }

        // Until there is something to compare with, every other launch is a control.
        var every = _control.Count < _options.SamplesMin ? 2 : _options.ControlEvery;
        _sinceControl++;
        if (_sinceControl < every)
        {
            return true;
        }

        _sinceControl = 0;
        return false;
    }

    /// <summary>Takes the time of a completed launch. Leave out launches that were cancelled or failed.</summary>
    /// <param name="wasPadded">What <see cref="ShouldPad"/> answered for it.</param>
    /// <param name="microseconds">From its first block to its end.</param>
    public void Ended(bool wasPadded, double microseconds)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(microseconds);
        if (wasPadded)
        {
            _padded.Add(microseconds, _options.Smoothing);
        }
        else
        {
            _control.Add(microseconds, _controlSmoothing);
        }

        if (_pauseLeft == 0 && _padded.Count >= _options.SamplesMin && _control.Count >= _options.SamplesMin)
        {
            Judge();
        }
    }

    private void Judge()
    {
        var excess = _padded.Mean - _control.Mean * (1 + _options.Budget);
        var noise = _padded.MeanVariance(_options.Smoothing) + _control.MeanVariance(_controlSmoothing);
        if (excess > 0 && excess * excess > NoiseFactor * NoiseFactor * noise)
        {
            Stops++;
            _pauseLeft = _pauseNext;
            _pauseNext = Math.Min(_pauseNext * 2, _options.PauseMax);
        }
        else if (_padded.Count >= _options.PauseFirst && excess <= 0)
        {
            // Padding has held its budget for long: forget earlier stops.
            _pauseNext = _options.PauseFirst;
        }
    }

    // Standard errors that the slowdown must exceed the budget by: judged anew with each launch, so more than the usual
    // 2.
    private const double NoiseFactor = 3;
}
