namespace Atoll.Serving;

/// <summary>One session's part on one device.</summary>
public sealed record PlannedSession
{
    public required string Session { get; init; }

    public required string Model { get; init; }

    /// <summary>Batch size to gather and run; 0 for a backup.</summary>
    public required int Batch { get; init; }

    /// <summary>Requests per second that this device is planned to take of the session; 0 for a backup.</summary>
    public required double Rate { get; init; }

    /// <summary>The session's objective: every answer within it.</summary>
    public required TimeSpan Objective { get; init; }

    /// <summary>Planned execution time of the batch.</summary>
    public TimeSpan Execution { get; init; }

    /// <summary>Time from batch to batch: the duty cycle, or the session's own period in a multi-rate plan.</summary>
    public TimeSpan Period { get; init; }

    /// <summary>
    /// First start in the device's table, which is then kept every period; null: batches run by earliest deadline as
    /// soon as they are gathered.
    /// </summary>
    public TimeSpan? Start { get; init; }

    /// <summary>Longest time from arrival to answer for arrivals at the planned constant rate.</summary>
    public TimeSpan WorstLatency { get; init; }

    /// <summary>How much later than evenly spaced a request may be dealt to this device.</summary>
    public TimeSpan Jitter { get; init; }

    /// <summary>
    /// More than 1: the session's devices are dealt so many consecutive requests each, in turn. 1: requests are dealt
    /// one by one, evenly in proportion to the rates.
    /// </summary>
    public int Run { get; init; } = 1;

    public long MemoryBytes { get; init; }

    /// <summary>True: the copy is ready but takes load only when others cannot.</summary>
    public bool IsBackup { get; init; }

    /// <summary>Why it is here, in one line.</summary>
    public string Why { get; init; } = "";
}
