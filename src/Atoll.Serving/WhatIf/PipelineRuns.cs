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

    private readonly Random _random;
    private readonly SimulationTally _tally;
    private readonly Dictionary<long, (QueryRun Run, int Stage)> _requests = [];
    private readonly Dictionary<SimulatedPipeline, (double[] Budget, double[] Mean)> _times = [];
    private readonly Dictionary<string, int> _sessions;
    private readonly Func<long> _newId;

    /// <param name="load">Holds a session for every stage.</param>
    /// <param name="pipelines">All that will begin.</param>
    /// <param name="random">Draws fan-out and branches.</param>
    /// <param name="tally">Told how every query ended.</param>
    /// <param name="newId">A request id that was never used.</param>
    public PipelineRuns(
        ClusterLoad load,
        IReadOnlyList<SimulatedPipeline> pipelines,
        Random random,
        SimulationTally tally,
        Func<long> newId)
    {
        _random = random;
        _tally = tally;
        _newId = newId;
        _sessions = load.Sessions.Index().ToDictionary(session => session.Item.Name, session => session.Index);
        foreach (var pipeline in pipelines)
        {
            double[] budget = [.. pipeline.Stages.Select(stage => _sessions.TryGetValue(stage.Session, out var session)
                ? load.Sessions[session].Objective.TotalSeconds
                : throw new ServingException(
                    ServingError.InvalidPlan, $"query '{pipeline.Name}': no session '{stage.Session}'"))];
            _times[pipeline] = (budget, [.. budget]);
        }
    }

    /// <summary>The stage waits until all stages before it are through.</summary>
    public static bool Waits(SimulatedStage stage) => stage.Join == StageJoin.All && stage.Before.Count > 1;

    /// <summary>A new query; the requests of its first stages are added to <paramref name="next"/>.</summary>
    public void Begin(SimulatedPipeline pipeline, TimeSpan now, List<(int, QueuedRequest)> next)
    {
        var run = new QueryRun(pipeline, now);
        for (var stage = 0; stage < pipeline.Stages.Count; stage++)
        {
            if (pipeline.Stages[stage].Before.Count == 0)
            {
                Add(run, stage, 1, now, next);
            }
        }
    }

    public bool Owns(long id) => _requests.ContainsKey(id);

    /// <summary>A stage's request ended; the requests that follow are added to <paramref name="next"/>.</summary>
    public void Ended(in QueuedRequest request, TimeSpan now, List<(int, QueuedRequest)> next)
    {
        _requests.Remove(request.Id, out var ended);
        var (run, stage) = ended;
        var mean = _times[run.Pipeline].Mean;
        mean[stage] += Recent * ((now - request.Arrival).TotalSeconds - mean[stage]);
        run.Ended(stage);
        if (!run.HasFailed)
        {
            GoOn(run, stage, now, next);
        }

        if (now > run.Arrival + run.Pipeline.Objective && !run.HasFailed)
        {
            (run.HasFailed, run.Failure) = (true, RequestOutcome.Late);
        }

        Close(run, request.Id);
    }

    /// <summary>
    /// A stage's request was given up, and with it the query: its other requests, which should not run if they still
    /// wait.
    /// </summary>
    public IReadOnlyList<(int Session, long Id)> Dropped(long id)
    {
        _requests.Remove(id, out var dropped);
        var isFirst = !dropped.Run.HasFailed;
        dropped.Run.HasFailed = true;
        Close(dropped.Run, id);
        return isFirst ? [.. dropped.Run.Open] : [];
    }

    private void GoOn(QueryRun run, int stage, TimeSpan now, List<(int, QueuedRequest)> next)
    {
        var stages = run.Pipeline.Stages;
        for (var child = stage + 1; child < stages.Count; child++)
        {
            foreach (var edge in stages[child].Before)
            {
                if (edge.From != stage)
                {
                    continue;
                }

                var count = Draw(edge);
                if (Waits(stages[child]))
                {
                    run.Hand(stage, child, count);
                }
                else
                {
                    Add(run, child, count, now, next);
                }
            }
        }

        foreach (var (joined, count) in run.Joined())
        {
            Add(run, joined, count, now, next);
        }
    }

    private void Add(QueryRun run, int stage, int count, TimeSpan now, List<(int, QueuedRequest)> next)
    {
        var session = _sessions[run.Pipeline.Stages[stage].Session];
        var deadline = run.Arrival + run.Pipeline.Objective - TimeSpan.FromSeconds(After(run.Pipeline, stage));
        for (var i = 0; i < count; i++)
        {
            var id = _newId();
            run.Started(stage);
            run.Open.Add((session, id));
            _requests[id] = (run, stage);
            next.Add((session, new(id, now, deadline)));
        }
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
        var (budget, mean) = _times[pipeline];
        var longest = 0.0;
        for (var child = stage + 1; child < pipeline.Stages.Count; child++)
        {
            if (pipeline.Stages[child].Before.Any(edge => edge.From == stage))
            {
                longest = Math.Max(longest, Math.Max(budget[child], mean[child]) + After(pipeline, child));
            }
        }

        return longest;
    }

    private int Draw(SimulatedEdge edge)
    {
        if (edge.Probability < 1 && _random.NextDouble() >= edge.Probability)
        {
            return 0;
        }

        if (edge.Gamma == Math.Floor(edge.Gamma))
        {
            return (int)edge.Gamma;
        }

        // Knuth's Poisson draw: few per query.
        var count = 0;
        for (var product = _random.NextDouble(); product > Math.Exp(-edge.Gamma); product *= _random.NextDouble())
        {
            count++;
        }

        return count;
    }
}
