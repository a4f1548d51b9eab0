using Atoll.Devices;

namespace Atoll.Serving;

/// <summary>What a live session serves and promises.</summary>
internal sealed record LiveSessionOptions
{
    /// <summary>A request without any deadline is given up after this time in the queue.</summary>
    public static readonly TimeSpan Patience = TimeSpan.FromHours(1);

    /// <summary>The model's name; with `/VERSION` where it is not the first, with `:CLASS` where not its own.</summary>
    public required string Name { get; init; }

    public required string Model { get; init; }

    public required WorkClass Class { get; init; }

    /// <summary>Every answer within this time of arrival; null = as soon as may be.</summary>
    public TimeSpan? Objective { get; init; }

    /// <summary>The planner gives it a share of the devices; else it takes what is left.</summary>
    public bool IsPlanned { get; init; }

    /// <summary>Rows per second to plan for before any were counted.</summary>
    public double ExpectedRate { get; init; }

    /// <summary>Requests that may wait.</summary>
    public int QueueCapacity { get; init; } = 64;

    /// <summary>The first dimension of inputs and outputs counts rows.</summary>
    public bool IsBatched { get; init; }

    /// <summary>Rows that one batch may have.</summary>
    public int MaxBatch { get; init; } = 1;

    /// <summary>Rows that one request may have; more than a batch holds run in parts.</summary>
    public int MaxRows { get; init; } = 1;

    /// <summary>Batches wait for their last moment while that delays nobody.</summary>
    public bool DefersBatches { get; init; }

    /// <summary>Order of all its requests within best-effort work; null: each has its own.</summary>
    public int? Priority { get; init; }

    /// <summary>Names of the devices that may run it; empty: the planner chooses.</summary>
    public IReadOnlyList<string> Pinned { get; init; } = [];
}
