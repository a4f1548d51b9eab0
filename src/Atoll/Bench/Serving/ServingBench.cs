using Atoll.Devices;
using Atoll.Serving;
using Microsoft.Extensions.Logging.Abstractions;

namespace Atoll;

/// <summary>How `atoll bench serving` runs.</summary>
internal sealed record ServingBenchOptions
{
    /// <summary>Length of one phase.</summary>
    public double Seconds { get; init; } = 300;

    /// <summary>The CPU of each device.</summary>
    public required IReadOnlyList<int> Cpus { get; init; }

    public int Seed { get; init; } = 1;

    /// <summary>Requests come over HTTP instead of from within.</summary>
    public bool Http { get; init; }
}

/// <summary>
/// Sessions on two devices of one core each, with server and load generator in one process. First the load is raised in
/// steps, so that profiles are measured as they will be used; the planner says from them how much it can carry; then
/// come 80 % and 150 % of that.
/// </summary>
internal sealed class ServingBench : IAsyncDisposable
{
    private const double Underload = 0.8;
    private const double Overload = 1.5;
    private const int WorstListed = 10;

    // Beyond saturation sizes are measured that are seldom run, and at last what all take at the load that is planned.
    private static readonly double[] Calibration = [0.5, 0.9, 1.3, 1.0];

    private readonly ServingBenchOptions _options;
    private readonly TimeProvider _clock;
    private readonly Action<string> _progress;
    private readonly CpuDevice[] _devices;
    private readonly SessionDirector _director;
    private readonly Random _random;

    public ServingBench(ServingBenchOptions options, TimeProvider clock, Action<string> progress)
    {
        (_options, _clock, _progress) = (options, clock, progress);
        _random = new Random(options.Seed);
        _devices = [.. options.Cpus.Select(cpu => new CpuDevice(new CpuDeviceOptions
        {
            Name = $"cpu:{cpu}", Cpus = [cpu], Units = 1, Clock = clock,
        }))];
        _director = new SessionDirector(
            [.. _devices.Select(device => new DeviceBackend(device))], new SessionDirectorOptions(), clock,
            NullLoggerFactory.Instance);
    }

    public async Task<ServingReport> RunAsync(CancellationToken cancellation)
    {
        var loads = await ServingModels.LoadAsync(_director, _progress, cancellation);
        _director.Start();
        await using IRequestPath path = _options.Http
            ? await HttpPath.StartAsync(loads, _director, _clock, cancellation)
            : new DirectPath();
        return await MeasureAsync(loads, path, cancellation);
    }

    private async Task<ServingReport> MeasureAsync(
        IReadOnlyList<ServingLoad> loads, IRequestPath path, CancellationToken cancellation)
    {
        var rates = EqualShares(loads);
        await CalibrateAsync(loads, path, rates, cancellation);
        var factor = _director.PlannedCapacity(SessionRates(loads, rates, 1));
        var planned = loads.ToDictionary(load => load.Name, load => rates[load.Name] * factor);
        var profiles = Profiles();
        await _director.ExpectAsync(SessionRates(loads, planned, 1), cancellation);
        _progress($"planned capacity {planned.Values.Sum():0.0} requests per second");
        var under = RunPhase(loads, path, planned, Underload);
        var over = RunPhase(loads, path, planned, Overload);
        var cancel = await ServingCancel.RunAsync(loads[^2], path, _clock);
        return new ServingReport
        {
            Machine = BenchJson.Machine,
            Path = path.Name,
            Devices = [.. _devices.Select(device => $"{device.Name}, {device.Rights}")],
            PhaseSeconds = _options.Seconds,
            PlannedRps = planned.Values.Sum(),
            Profiles = profiles,
            Phases = [under, over],
            Cancel = cancel,
            Missed = Missed(under, over, cancel),
        };
    }

    public async ValueTask DisposeAsync()
    {
        await _director.DisposeAsync();
        Array.ForEach(_devices, device => device.Dispose());
    }

    /// <summary>Rates at which each load would take an equal part of both devices, batches at their best.</summary>
    private Dictionary<string, double> EqualShares(IReadOnlyList<ServingLoad> loads)
    {
        var profiles = _director.Status.Devices[0].Profiles.ToDictionary(profile => profile.Model);
        var sessions = _director.Status.Sessions.ToDictionary(session => session.Name);
        return loads.ToDictionary(load => load.Name, load =>
        {
            var seconds = load.Sessions.Sum(session =>
            {
                var profile = profiles[sessions[session].Model];
                var batch = Math.Max(1, profile.BestThroughputBatch(sessions[session].Objective!.Value / 2));
                return 1 / profile.Throughput(batch);
            });
            return (double)_devices.Length / loads.Count / seconds;
        });
    }

    private static Dictionary<string, double> SessionRates(
        IReadOnlyList<ServingLoad> loads, Dictionary<string, double> rates, double factor)
    {
        // A session that runs for its own clients and one that runs as a stage are two sessions.
        return loads.SelectMany(load => load.Sessions.Select(session => (session, rates[load.Name] * factor)))
            .ToDictionary(pair => pair.session, pair => pair.Item2);
    }

    private async Task CalibrateAsync(
        IReadOnlyList<ServingLoad> loads, IRequestPath path, Dictionary<string, double> rates,
        CancellationToken cancellation)
    {
        foreach (var share in Calibration)
        {
            cancellation.ThrowIfCancellationRequested();
            _progress($"measuring profiles at load {share:P0} of a first estimate");
            var factor = _director.PlannedCapacity(SessionRates(loads, rates, 1));
            await _director.ExpectAsync(SessionRates(loads, rates, factor * share), cancellation);
            var seconds = Math.Clamp(_options.Seconds / 6, 2, 8);
            ServingPhase.Run(
                [.. loads.Select(load => Client(load, path, rates[load.Name] * factor * share, seconds))], _clock);
        }
    }

    private ServingClient Client(ServingLoad load, IRequestPath path, double rate, double seconds) =>
        new(load, path, ServingPhase.Poisson(rate, seconds, _random), _clock);

    private ServingPhaseReport RunPhase(
        IReadOnlyList<ServingLoad> loads, IRequestPath path, Dictionary<string, double> planned, double share)
    {
        _progress($"{share:P0} of the planned capacity for {_options.Seconds:0} s");
        var before = _director.Status;
        ServingClient[] clients =
            [.. loads.Select(load => Client(load, path, planned[load.Name] * share, _options.Seconds))];
        var machine = ServingPhase.Run(clients, _clock);
        var after = _director.Status;
        ServingLoadRow[] rows = [.. clients.Select(client =>
            client.Report(planned[client.Load.Name], MeanBatch(client.Load, before, after)))];
        var good = rows.Sum(row => row.Good);
        return new ServingPhaseReport
        {
            LoadShare = share,
            OfferedRps = rows.Sum(row => row.Sent) / _options.Seconds,
            GoodputRps = good / _options.Seconds,
            InObjectiveShare = (double)good / Math.Max(1, rows.Sum(row => row.Sent)),
            GoodputOfPlanned = good / _options.Seconds / planned.Values.Sum(),
            Loads = rows,
            WorstSeconds = WorstSeconds(clients, machine),
            OthersMedianMs = machine.OthersMs.Order().ElementAtOrDefault(machine.OthersMs.Count / 2),
        };
    }

    private ServingSecond[] WorstSeconds(ServingClient[] clients, MachineLoad machine)
    {
        var seconds = (int)Math.Ceiling(_options.Seconds);
        var (sent, good) = (new int[seconds], new int[seconds]);
        Array.ForEach(clients, client => client.CountSeconds(sent, good));
        return [.. Enumerable.Range(0, seconds).Where(i => good[i] < sent[i]).OrderByDescending(i => sent[i] - good[i])
            .Take(WorstListed)
            .Select(i => new ServingSecond(i, sent[i], good[i], machine.OthersMs.ElementAtOrDefault(i)))];
    }

    private static double MeanBatch(ServingLoad load, DirectorStatus before, DirectorStatus after)
    {
        double batches = 0;
        double requests = 0;
        foreach (var name in load.Sessions)
        {
            var then = before.Sessions.First(session => session.Name == name).Batches;
            var now = after.Sessions.First(session => session.Name == name).Batches;
            foreach (var (rows, count) in now)
            {
                var ran = count - then.FirstOrDefault(batch => batch.Rows == rows).Count;
                batches += ran;
                requests += rows * ran;
            }
        }

        return batches == 0 ? 0 : requests / batches;
    }

    private ServingProfileRow[] Profiles() =>
        [.. from device in _director.Status.Devices
            from profile in device.Profiles
            from point in profile.Points
            select new ServingProfileRow(
                profile.Model, device.Name, point.Batch, point.Mean.TotalMilliseconds,
                point.Deviation.TotalMilliseconds)];

    private static List<string> Missed(ServingPhaseReport under, ServingPhaseReport over, ServingCancelReport cancel)
    {
        var missed = new List<string>();
        if (under.InObjectiveShare < 0.99)
        {
            missed.Add($"{under.InObjectiveShare:P2} within the objective at 80 % of the planned capacity, not 99 %");
        }

        if (over.GoodputOfPlanned < 0.9)
        {
            missed.Add($"goodput {over.GoodputOfPlanned:P1} of the planned at 150 %, not 90 %");
        }

        if (cancel.Cancelled == 0 || cancel.NextMs > Math.Max(10, 3 * cancel.AloneMs))
        {
            missed.Add($"after {cancel.Cancelled} clients left, the next request took {cancel.NextMs:0.0} ms");
        }

        return missed;
    }
}
