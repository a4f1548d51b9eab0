using Atoll.Devices;

namespace Atoll.Serving;

/// <summary>What a director tells of itself: for the page, for metrics and for measurements.</summary>
public sealed record DirectorStatus(
    IReadOnlyList<SessionStatus> Sessions, IReadOnlyList<DeviceStatus> Devices, IReadOnlyList<QueryStatus> Queries);

/// <summary>What became of requests since the start, and per second of the last seconds.</summary>
public sealed record CountStatus
{
    public required long Arrived { get; init; }

    /// <summary>Answered within the objective.</summary>
    public required long Good { get; init; }

    /// <summary>Answered after it.</summary>
    public required long Late { get; init; }

    /// <summary>Given up in the queue.</summary>
    public required long Dropped { get; init; }

    /// <summary>Served later as best-effort work, counted by the session of late requests.</summary>
    public required long Deferred { get; init; }

    /// <summary>Not let in.</summary>
    public required long Refused { get; init; }

    public required long Cancelled { get; init; }

    public required long Failed { get; init; }

    internal static CountStatus Of(SessionCounts counts) => new()
    {
        Arrived = counts.Arrived, Good = counts.Good, Late = counts.Late, Dropped = counts.Dropped,
        Deferred = counts.Deferred, Refused = counts.Refused, Cancelled = counts.Cancelled, Failed = counts.Failed,
    };
}

/// <summary>So many batches had so many rows; beyond 64 rows, up to so many.</summary>
public readonly record struct BatchCount(int Rows, long Count);

/// <summary>One live session.</summary>
public sealed record SessionStatus
{
    public required string Name { get; init; }

    public required string Model { get; init; }

    public required WorkClass Class { get; init; }

    /// <summary>Null = none promised.</summary>
    public required TimeSpan? Objective { get; init; }

    public required bool IsPlanned { get; init; }

    /// <summary>Rows per second that were promised.</summary>
    public required double ExpectedRate { get; init; }

    /// <summary>Rows per second that come.</summary>
    public required double Rate { get; init; }

    /// <summary>Rows per second that are answered in time.</summary>
    public required double Goodput { get; init; }

    public required CountStatus Counts { get; init; }

    /// <summary>Requests that wait.</summary>
    public required int Depth { get; init; }

    /// <summary>Batches by their number of rows.</summary>
    public required IReadOnlyList<BatchCount> Batches { get; init; }

    public required IReadOnlyList<SeatStatus> Seats { get; init; }

    /// <summary>Why the plan serves only a part; null when it serves all.</summary>
    public required string? Shortage { get; init; }

    /// <summary>Why batches are smaller than the configuration allows; null when they are not.</summary>
    public required string? BatchLimit { get; init; }

    /// <summary>What the model runs together with models that begin alike; null when it runs by itself.</summary>
    public required string? Prefix { get; init; }
}

/// <summary>A session's place on a device; batch and rate in rows.</summary>
public sealed record SeatStatus(
    string Device, string Session, int Batch, double Rate, TimeSpan Execution, TimeSpan WorstLatency, string Why);

/// <summary>One device with its sessions, cycle and models.</summary>
public sealed record DeviceStatus
{
    public required string Name { get; init; }

    public required long MemoryBytes { get; init; }

    public required long MemoryInUseBytes { get; init; }

    /// <summary>Time spent on batches since the start, of both classes.</summary>
    public required TimeSpan Busy { get; init; }

    public required int Evictions { get; init; }

    /// <summary>Planned part of the time that it computes; 0 without a plan.</summary>
    public required double Occupancy { get; init; }

    public required TimeSpan Cycle { get; init; }

    public required IReadOnlyList<SeatStatus> Seats { get; init; }

    /// <summary>The models that are loaded, with what their batches take now.</summary>
    public required IReadOnlyList<BatchProfile> Profiles { get; init; }
}

/// <summary>One query with its stages.</summary>
public sealed record QueryStatus(
    string Name, TimeSpan Objective, CountStatus Counts, IReadOnlyList<QueryStageStatus> Stages);

/// <summary>A stage, its session, its part of the objective and the stages that it waits for.</summary>
public sealed record QueryStageStatus(
    string Stage, string Model, string Session, TimeSpan Budget, IReadOnlyList<string> Before);
