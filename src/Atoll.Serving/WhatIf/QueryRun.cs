namespace Atoll.Serving;

/// <summary>One query on its way through a <see cref="SimulatedPipeline"/>.</summary>
internal sealed class QueryRun(SimulatedPipeline pipeline, TimeSpan arrival)
{
    private readonly int[] _open = new int[pipeline.Stages.Count];
    private readonly bool[] _hasJoined = new bool[pipeline.Stages.Count];
    private readonly Dictionary<(int From, int To), int> _handed = [];

    public SimulatedPipeline Pipeline => pipeline;

    public TimeSpan Arrival => arrival;

    /// <summary>Requests of any stage that have not ended, with their sessions.</summary>
    public List<(int Session, long Id)> Open { get; } = [];

    /// <summary>A request was dropped or late: the rest of the query is worth nothing.</summary>
    public bool HasFailed { get; set; }

    /// <summary>How the failed query is counted.</summary>
    public RequestOutcome Failure { get; set; } = RequestOutcome.Dropped;

    public void Started(int stage) => _open[stage]++;

    public void Ended(int stage) => _open[stage]--;

    /// <summary>Keeps inputs of a stage that waits for others too.</summary>
    public void Hand(int from, int to, int count) =>
        _handed[(from, to)] = _handed.GetValueOrDefault((from, to)) + count;

    /// <summary>
    /// The stages that wait for several others and can fire now, with their inputs: as many as the most frequent stage
    /// before hands on, once all are through.
    /// </summary>
    public IEnumerable<(int Stage, int Count)> Joined()
    {
        var isThrough = new bool[_open.Length];
        for (var stage = 0; stage < _open.Length; stage++)
        {
            var before = pipeline.Stages[stage].Before;
            var isReady = before.All(edge => isThrough[edge.From]);
            if (isReady && PipelineRuns.Waits(pipeline.Stages[stage]) && !_hasJoined[stage])
            {
                _hasJoined[stage] = true;
                var count = before.Max(edge => _handed.GetValueOrDefault((edge.From, stage)));
                if (count > 0)
                {
                    yield return (stage, count);
                }
            }

            isThrough[stage] = isReady && _open[stage] == 0;
        }
    }
}
