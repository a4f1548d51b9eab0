using System.Buffers;
using Atoll.Simulation;

namespace Atoll.Serving;

/// <summary>
/// A cluster in virtual time: seeded arrivals, the same dispatcher and planner as the live server, devices that take
/// what their profile says. One object runs once.
/// </summary>
public sealed class ClusterSimulation : IDispatchSink
{
    private readonly ClusterLoad _load;
    private readonly SimulationOptions _options;
    private readonly EventQueue _events = new();
    private readonly SimulationTally _tally;
    private readonly PipelineRuns _pipelines;
    private readonly PlanEpochs _epochs;
    private readonly ExecutionTimes _times;
    private readonly TimeSpan _end;
    private readonly List<Started> _started = [];
    private readonly List<(int Session, QueuedRequest Request)> _dropped = [];
    private readonly List<(int, QueuedRequest)> _next = [];
    private readonly bool[] _isBusy;
    private readonly HashSet<string> _stages;
    private Dispatcher _dispatcher;
    private ScheduledEvent? _wake;
    private long _id;

    private ClusterSimulation(
        ClusterLoad load, ISchedulingPolicy policy, Func<SchedulingSetup> plan, SimulationOptions options)
    {
        _load = load;
        _options = options;
        _end = options.WarmUp + options.Duration;
        _tally = new SimulationTally(options);
        _times = new ExecutionTimes(options.HasNoise, new Random(unchecked((options.Seed * 7919) - 1)));
        _pipelines = new PipelineRuns(load, options.Pipelines, new Random(unchecked((options.Seed * 7919) - 2)),
            _tally, () => _id++);
        _stages = [.. options.Pipelines.SelectMany(pipeline => pipeline.Stages).Select(stage => stage.Session)];
        _isBusy = new bool[load.DeviceNames.Count];
        _epochs = new PlanEpochs(load, policy, options.Epochs);
        _dispatcher = Adopt(plan());
    }

    /// <summary>Runs a policy's plan for the load's own rates.</summary>
    /// <param name="load">Sessions with the rates at which requests come.</param>
    /// <param name="policy">Makes the plan, and new ones with epochs.</param>
    /// <param name="options">Arrivals, duration, seed and the rest.</param>
    public static SimulationOutcome Run(ClusterLoad load, ISchedulingPolicy policy, SimulationOptions options)
    {
        ArgumentNullException.ThrowIfNull(load);
        ArgumentNullException.ThrowIfNull(policy);
        ArgumentNullException.ThrowIfNull(options);
        var planned = load.Scaled(options.Epochs?.Headroom ?? 1);
        return Run(load, policy, policy.Plan(planned, fill: options.Epochs is null), options);
    }

    /// <summary>Runs a given plan, whatever rates it was made for.</summary>
    public static SimulationOutcome Run(
        ClusterLoad load, ISchedulingPolicy policy, Func<SchedulingSetup> plan, SimulationOptions options)
    {
        ArgumentNullException.ThrowIfNull(plan);
        return new ClusterSimulation(load, policy, plan, options).Run();
    }

    void IDispatchSink.Start(int device, DispatchQueue queue, IReadOnlyList<QueuedRequest> batch)
    {
        var requests = ArrayPool<QueuedRequest>.Shared.Rent(batch.Count);
        for (var i = 0; i < batch.Count; i++)
        {
            requests[i] = batch[i];
        }

        _started.Add(new(device, queue, requests, batch.Count));
    }

    void IDispatchSink.Drop(int session, in QueuedRequest request) => _dropped.Add((session, request));

    private TimeSpan Now => TimeSpan.FromTicks(_events.Now / 100);

    private SimulationOutcome Run()
    {
        for (var session = 0; session < _load.Sessions.Count; session++)
        {
            var spec = _load.Sessions[session];
            if (spec.Rate > 0 && !_stages.Contains(spec.Name))
            {
                var own = session;
                Arrive(Arrivals(spec.Name, spec.Rate, session), () => Enter(own));
            }
        }

        foreach (var (index, pipeline) in _options.Pipelines.Index())
        {
            Arrive(Arrivals(pipeline.Name, pipeline.Rate, _load.Sessions.Count + index), () => Begin(pipeline));
        }

        if (_options.Epochs is { } epochs)
        {
            _events.After(epochs.Check, CheckEpoch);
        }

        _events.RunUntilIdle();
        return _tally.Outcome();
    }

    private IArrivals Arrivals(string name, double rate, int stream)
    {
        var pattern = _options.Arrivals;
        if (pattern.Kind != ArrivalKind.Trace)
        {
            return new ArrivalProcess(pattern, rate, new Random(unchecked((_options.Seed * 7919) + stream)));
        }

        return pattern.Traces.TryGetValue(name, out var times) ? new TraceArrivals(times, rate)
            : throw new ServingException(ServingError.InvalidPlan, $"arrivals: no trace for '{name}'");
    }

    /// <summary>Schedules one arrival, which schedules the next.</summary>
    private void Arrive(IArrivals arrivals, Action enter)
    {
        void Next()
        {
            enter();
            Schedule();
        }

        void Schedule()
        {
            var at = arrivals.Next();
            if (at < _end)
            {
                _events.Schedule(at.Ticks * 100, Next);
            }
        }

        Schedule();
    }

    private void Enter(int session)
    {
        var deadline = Now + _load.Sessions[session].Objective - _options.Network;
        Enqueue(session, new(_id++, Now, deadline));
        Settle();
    }

    private void Begin(SimulatedPipeline pipeline)
    {
        _pipelines.Begin(pipeline, Now, _next);
        EnqueueNext();
        Settle();
    }

    /// <summary>The time on the network is spent once per query.</summary>
    private void EnqueueNext()
    {
        foreach (var (session, request) in _next)
        {
            Enqueue(session, request with { Deadline = request.Deadline - _options.Network });
        }

        _next.Clear();
    }

    private void Enqueue(int session, in QueuedRequest request)
    {
        _epochs.Observe(session);
        _tally.Entered++;
        var begin = _options.Clock?.GetTimestamp() ?? 0;
        if (!_dispatcher.Enqueue(session, request, Now))
        {
            _dropped.Add((session, request));
        }

        Measure(begin);
    }

    private void Measure(long begin)
    {
        if (_options.Clock is { } clock)
        {
            _tally.DispatchTime += clock.GetElapsedTime(begin);
        }
    }

    /// <summary>Carries out what the dispatcher decided, which may lead to further decisions.</summary>
    private void Settle()
    {
        foreach (var started in _started)
        {
            Execute(started);
        }

        _started.Clear();
        foreach (var (session, request) in _dropped)
        {
            Drop(session, request);
        }

        _dropped.Clear();
        PlanWake();
    }

    private void Drop(int session, in QueuedRequest request)
    {
        if (!_pipelines.Owns(request.Id))
        {
            _tally.Count(_load.Sessions[session].Name, request.Arrival, RequestOutcome.Dropped);
            return;
        }

        foreach (var (other, id) in _pipelines.Dropped(request.Id))
        {
            if (_dispatcher.Cancel(other, id))
            {
                _pipelines.Dropped(id);
            }
        }
    }

    private void PlanWake()
    {
        if (_dispatcher.WakeAt is not { } at || (_wake is { IsPending: true } && _wake.At <= at.Ticks * 100))
        {
            return;
        }

        _wake?.Cancel();
        _wake = _events.Schedule(at.Ticks * 100, () =>
        {
            var begin = _options.Clock?.GetTimestamp() ?? 0;
            _dispatcher.Wake(Now);
            Measure(begin);
            Settle();
        });
    }

    private void Execute(Started started)
    {
        var (device, queue, _, count) = started;
        var profile = queue.Profile(device);
        var execution = _times.Draw(profile, profile.Fit(count));
        _isBusy[device] = true;
        _tally.Batch(device, count, Now, execution);
        _events.Schedule((Now + execution).Ticks * 100, () => End(started, execution));
    }

    private void End(Started started, TimeSpan execution)
    {
        var (device, queue, requests, count) = started;
        queue.Rule.Observe(count, execution);
        _isBusy[device] = false;
        for (var i = 0; i < count; i++)
        {
            Finish(queue.Session, requests[i]);
        }

        ArrayPool<QueuedRequest>.Shared.Return(requests);
        EnqueueNext();
        var begin = _options.Clock?.GetTimestamp() ?? 0;
        _dispatcher.Free(device, Now);
        Measure(begin);
        Settle();
    }

    private void Finish(int session, in QueuedRequest request)
    {
        if (_pipelines.Owns(request.Id))
        {
            _pipelines.Ended(request, Now, _next);
            return;
        }

        var outcome = Now <= request.Deadline ? RequestOutcome.Good : RequestOutcome.Late;
        _tally.Count(_load.Sessions[session].Name, request.Arrival, outcome);
    }

    private void CheckEpoch()
    {
        if (_epochs.Check(Now) is { } plan)
        {
            var setup = plan();
            var delay = _epochs.NeedsLoading(setup) ? _options.Epochs!.Loading : TimeSpan.Zero;
            _events.After(delay, () => Switch(setup));
        }

        if (Now < _end)
        {
            _events.After(_options.Epochs!.Check, CheckEpoch);
        }
    }

    private void Switch(SchedulingSetup setup)
    {
        var before = _dispatcher;
        _dispatcher = Adopt(setup);
        foreach (var queue in before.Queues)
        {
            while (queue.Waiting.TryDequeue(out var request))
            {
                if (!_dispatcher.Enqueue(queue.Session, request, Now))
                {
                    _dropped.Add((queue.Session, request));
                }
            }
        }

        Settle();
    }

    private Dispatcher Adopt(SchedulingSetup setup)
    {
        var dispatcher = new Dispatcher(setup.Queues, _load.Sessions.Count, _isBusy.Length, setup.Order, this);
        for (var device = 0; device < _isBusy.Length; device++)
        {
            if (_isBusy[device])
            {
                dispatcher.Occupy(device);
            }
        }

        _epochs.Adopt(setup);
        _tally.Plans++;
        _tally.DevicesPlanned = setup.Queues.SelectMany(queue => queue.Devices).Distinct().Count();
        return dispatcher;
    }

    private sealed record Started(int Device, DispatchQueue Queue, QueuedRequest[] Requests, int Count);
}
