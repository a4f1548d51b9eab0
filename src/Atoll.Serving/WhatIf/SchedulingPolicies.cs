namespace Atoll.Serving;

/// <summary>The policies that can be compared, by name.</summary>
public static class SchedulingPolicies
{
    /// <summary>Clockwork's largest batch, as its released scheduler has it.</summary>
    private const int ClockworkBatchMax = 16;

    /// <summary>
    /// Part of the objective that Triton's dynamic batcher may wait: a hand-made setting, as users make it.
    /// </summary>
    private const double TritonDelay = 0.1;

    /// <summary>All, ours first.</summary>
    public static IReadOnlyList<ISchedulingPolicy> All { get; } =
    [
        new AtollPolicy(),
        new PlannedPolicy("nexus", PlanPolicy.Nexus, planned => new EarlyDropRule(planned.Batch)),
        new PlannedPolicy("nexus-code", PlanPolicy.NexusCode, planned => new EarlyDropRule(planned.Batch)),
        new PlannedPolicy("lazy-drop", PlanPolicy.Nexus, planned => new LazyDropRule(planned.Batch)),
        new PlannedPolicy("proteus", PlanPolicy.Nexus, planned => new DeferredRule(planned.Batch)),
        new SharedPolicy("batch-oblivious",
            load => SharedDevices.Even(load, session => new EarlyDropRule(HalfBatch(load, session))), RoundRobin),
        new SharedPolicy("clipper",
            load => SharedDevices.Even(load, session => new AimdRule(load.Sessions[session].Objective)), RoundRobin),
        new SharedPolicy("triton", load => SharedDevices.Central(load, session => Triton(load, session)), RoundRobin),
        new SharedPolicy("clockwork",
            load => SharedDevices.Central(load, _ => new LazyDropRule(ClockworkBatchMax)),
            _ => new EarliestStartOrder(ClockworkBatchMax)),
        new SharedPolicy("symphony",
            load => SharedDevices.Central(load, session => new DeferredRule(HalfBatch(load, session))),
            _ => new EarliestDeadlineOrder()),
    ];

    /// <exception cref="ServingException">No policy has this name.</exception>
    public static ISchedulingPolicy Get(string name) => All.FirstOrDefault(policy => policy.Name == name)
        ?? throw new ServingException(ServingError.InvalidPlan, $"no policy '{name}'; there are: " +
            string.Join(", ", All.Select(policy => policy.Name)));

    private static int HalfBatch(ClusterLoad load, int session) =>
        SharedDevices.HalfObjectiveBatch(load, session, SharedDevices.Of(load, session)[0]);

    private static DynamicBatcherRule Triton(ClusterLoad load, int session)
    {
        var batch = HalfBatch(load, session);
        return new(batch, [batch], load.Sessions[session].Objective * TritonDelay);
    }

    private static RoundRobinOrder RoundRobin(int devices) => new(devices);
}
