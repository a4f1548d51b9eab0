namespace Atoll.Serving;

/// <summary>
/// Decides when a simulated cluster is planned anew: at every period, and soon after the load leaves the band around
/// the planned rates. Rates are those of short windows; a rise must show in one window beyond what chance explains, a
/// fall in several, so that noise makes no plans.
/// </summary>
internal sealed class PlanEpochs
{
    /// <summary>Standard deviations of a Poisson count that a rise must exceed.</summary>
    private const double Surprise = 4;

    /// <summary>Windows in a row that must show a fall.</summary>
    private const int FallWindows = 4;

    private readonly ClusterLoad _load;
    private readonly ISchedulingPolicy _policy;
    private readonly EpochOptions? _options;
    private readonly long[] _window;
    private readonly double[] _smooth;
    private HashSet<(int Session, int Device)> _copies = [];
    private double[] _planned;
    private TimeSpan _last;
    private int _falling;

    public PlanEpochs(ClusterLoad load, ISchedulingPolicy policy, EpochOptions? options)
    {
        _load = load;
        _policy = policy;
        _options = options;
        _window = new long[load.Sessions.Count];
        _smooth = [.. load.Sessions.Select(session => session.Rate)];
        _planned = [.. _smooth];
    }

    public void Observe(int session) => _window[session]++;

    /// <summary>The queues of a setup that is in use now: their models are loaded.</summary>
    public void Adopt(SchedulingSetup setup) => _copies = Copies(setup);

    public bool NeedsLoading(SchedulingSetup setup) => !Copies(setup).IsSubsetOf(_copies);

    /// <summary>Looks at the window that ends now; a new plan when one is due.</summary>
    public Func<SchedulingSetup>? Check(TimeSpan now)
    {
        var seconds = _options!.Check.TotalSeconds;
        var total = (Seen: 0.0, Planned: 0.0);
        var hasRisen = false;
        for (var i = 0; i < _window.Length; i++)
        {
            var rate = _window[i] / seconds;
            var expected = _planned[i] * seconds;
            hasRisen |= rate > _planned[i] * _options.Rise &&
                _window[i] > expected + (Surprise * Math.Sqrt(expected + 1));
            total = (total.Seen + rate, total.Planned + _planned[i]);
            // About five windows of memory, none when the rate has clearly moved.
            var weight = Math.Abs(_window[i] - (_smooth[i] * seconds)) >
                Surprise * Math.Sqrt((_smooth[i] * seconds) + 1) ? 1 : 0.2;
            _smooth[i] += weight * (rate - _smooth[i]);
            _window[i] = 0;
        }

        _falling = total.Seen < total.Planned * _options.Fall ? _falling + 1 : 0;
        var isDue = now - _last >= _options.Period ||
            ((hasRisen || _falling >= FallWindows) && now - _last >= _options.Rest);
        if (!isDue)
        {
            return null;
        }

        _last = now;
        _falling = 0;
        _planned = [.. _smooth];
        var rates = _load.Sessions.Index().ToDictionary(s => s.Item.Name, s => _smooth[s.Index] * _options.Headroom);
        return _policy.Plan(_load.WithRates(session => rates[session.Name]), fill: false);
    }

    private static HashSet<(int Session, int Device)> Copies(SchedulingSetup setup) =>
        [.. setup.Queues.SelectMany(queue => queue.Devices.Select(device => (queue.Session, device)))];
}
