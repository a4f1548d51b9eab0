namespace Atoll.Serving;

/// <summary>
/// The queries of all pipelines in a simulation. A stage's deadline is the query's, less the time that the stages after
/// it need: slack that early stages leave is passed on. What later stages need is their planned budget, or more when
/// they have lately taken longer, so a query that downstream cannot finish is given up before it costs more devices.
/// </summary>
internal sealed class PipelineRuns
{
    /// <summary>Weight of the newest stage time in the running mean that tells downstream's state.</summary>
    private const double Recent = 0.02;

    private readonly ClusterLoad _load;
    private readonly Random _random;
    private readonly SimulationTally _tally;
    private readonly Dictionary<long, (QueryRun Run, int Stage)> _requests = [];
    private readonly Dictionary<SimulatedPipeline, double[]> _stageTimes = [];
    private readonly Dictionary<string, int> _sessions;

    public PipelineRuns(
        ClusterLoad load, IReadOnlyList<SimulatedPipeline> pipelines, Random random, SimulationTally tally)
    {
        _load = load;
        _random = random;
        _tally = tally;
        _sessions = load.Sessions.Index().ToDictionary(session => session.Item.Name, session => session.Index);
        foreach (var pipeline in pipelines)
        {
            _stageTimes[pipeline] =
                [.. pipeline.Stages.Select(stage => Spec(stage).Objective.TotalSeconds)];
        }
    }

    /// <summary>The root stage's request of a new query.</summary>
    public (int Session, QueuedRequest Request) Begin(SimulatedPipeline pipeline, long id, TimeSpan now) =>
        Add(new QueryRun(pipeline, now), 0, id, now);

    public bool Owns(long id) => _requests.ContainsKey(id);

    /// <summary>A stage's request ended; the requests that follow are added to <paramref name="next"/>.</summary>
    public void Ended(in QueuedRequest request, TimeSpan now, Func<long> newId, List<(int, QueuedRequest)> next)
    {
        _requests.Remove(request.Id, out var ended);
        var (run, stage) = ended;
        var times = _stageTimes[run.Pipeline];
        times[stage] += Recent * ((now - request.Arrival).TotalSeconds - times[stage]);
        for (var child = stage + 1; child < run.Pipeline.Stages.Count && !run.HasFailed; child++)
        {
            if (run.Pipeline.Stages[child].Parent == stage)
            {
                for (var i = FanOut(run.Pipeline.Stages[child].FanOut); i > 0; i--)
                {
                    next.Add(Add(run, child, newId(), now));
                }
            }
        }

        if (now > run.Arrival + run.Pipeline.Objective && !run.HasFailed)
        {
            (run.HasFailed, run.Failure) = (true, RequestOutcome.Late);
        }

        Close(run, request.Id);
    }

    /// <summary>A stage's request was given up, and with it the query: its other requests, which should not run if they
    /// still wait.</summary>
    public IReadOnlyList<(int Session, long Id)> Dropped(long id)
    {
        _requests.Remove(id, out var dropped);
        var isFirst = !dropped.Run.HasFailed;
        dropped.Run.HasFailed = true;
        Close(dropped.Run, id);
        return isFirst ? [.. dropped.Run.Open] : [];
    }

    private (int Session, QueuedRequest Request) Add(QueryRun run, int stage, long id, TimeSpan now)
    {
        var session = _sessions[run.Pipeline.Stages[stage].Session];
        run.Open.Add((session, id));
        _requests[id] = (run, stage);
        var deadline = run.Arrival + run.Pipeline.Objective - TimeSpan.FromSeconds(After(run.Pipeline, stage));
        return (session, new(id, now, deadline));
    }

    private void Close(QueryRun run, long id)
    {
        run.Open.RemoveAll(open => open.Id == id);
        if (run.Open.Count == 0)
        {
            _tally.Count(run.Pipeline.Name, run.Arrival, run.HasFailed ? run.Failure : RequestOutcome.Good);
        }
    }

    /// <summary>Seconds that the longest path behind a stage needs.</summary>
    private double After(SimulatedPipeline pipeline, int stage)
    {
        var longest = 0.0;
        for (var child = stage + 1; child < pipeline.Stages.Count; child++)
        {
            if (pipeline.Stages[child].Parent == stage)
            {
                var budget = Spec(pipeline.Stages[child]).Objective.TotalSeconds;
                var need = Math.Max(budget, _stageTimes[pipeline][child]);
                longest = Math.Max(longest, need + After(pipeline, child));
            }
        }

        return longest;
    }

    private SessionSpec Spec(SimulatedStage stage) => _load.Sessions[_sessions[stage.Session]];

    private int FanOut(double mean)
    {
        if (mean == Math.Floor(mean))
        {
            return (int)mean;
        }

        // Knuth's Poisson draw: few per query.
        var count = 0;
        for (var product = _random.NextDouble(); product > Math.Exp(-mean); product *= _random.NextDouble())
        {
            count++;
        }

        return count;
    }
}
