namespace Atoll.Devices;

/// <summary>
/// How real-time and best-effort work share one device: the five ways of REEF's evaluation (OSDI'22), plus the CPU's
/// own form of reset. All but the last two exist so that the comparison can be made on the same code.
/// </summary>
public enum ShareMode
{
    /// <summary>One launch at a time in order of arrival, whatever its class (REEF's SEQ).</summary>
    Sequential,

    /// <summary>Real-time launches are treated as one more best-effort stream (REEF's multi-stream).</summary>
    MultiStream,

    /// <summary>Running blocks finish and every queued kernel is fetched only to exit, then real-time runs.</summary>
    Wait,

    /// <summary>Reset, flag-and-leave form: running blocks are left at a yield point and repeated later.</summary>
    ResetLeave,

    /// <summary>
    /// Reset: real-time runs nested at the yield point of the running block, which then goes on; nothing repeats.
    /// </summary>
    Reset,

    /// <summary>Reset, and best-effort blocks fill the compute units that a real-time kernel leaves idle.</summary>
    ResetPadding,
}
