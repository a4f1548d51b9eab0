namespace Atoll.Serving;

/// <summary>
/// What a planning file holds: devices, profiles, sessions, queries, and further sections for those who know them.
/// </summary>
public sealed record PlanFile
{
    public required IReadOnlyList<DeviceKind> Devices { get; init; }

    public required IReadOnlyList<BatchProfile> Profiles { get; init; }

    /// <summary>The sessions as written; those of queries are in <see cref="ToRequest"/>.</summary>
    public required IReadOnlyList<SessionSpec> Sessions { get; init; }

    public required IReadOnlyList<Query> Queries { get; init; }

    public IReadOnlyList<ModelPartition> Partitions { get; init; } = [];

    public PlannerOptions Options { get; init; } = PlannerOptions.Default;

    /// <summary>The whole file, for sections that the planner passes over ("arrivals", "simulation").</summary>
    public required YamlSource Source { get; init; }

    /// <summary>How each query's objective is divided, in the order of <see cref="Queries"/>.</summary>
    public IReadOnlyList<QuerySplit> Split()
    {
        var profiles = new ProfileTable(Profiles);
        return [.. Queries.Select(query => QuerySplitter.Split(query, profiles, Devices))];
    }

    /// <summary>The request to plan: the sessions of the file and one for each stage of each query.</summary>
    public PlanRequest ToRequest() => new()
    {
        Devices = Devices,
        Profiles = Profiles,
        Sessions = [.. Sessions, .. Split().SelectMany(split => split.ToSessions())],
        Partitions = Partitions,
        Options = Options,
    };
}
