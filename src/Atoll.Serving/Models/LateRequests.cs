namespace Atoll.Serving;

/// <summary>What becomes of a request that cannot be answered within its model's objective.</summary>
public enum LateRequests
{
    /// <summary>It is given up before it costs device time.</summary>
    Drop,

    /// <summary>
    /// It is served when nothing else waits, as best-effort work. One that names a deadline of its own is given up.
    /// </summary>
    Serve,
}
