namespace Atoll;

/// <summary>How the device's threads rank among the machine's, as a setting names it.</summary>
internal enum SchedulingName
{
    /// <summary>What the process may use; with all rights, best-effort work ranks behind every other process.</summary>
    Auto,

    /// <summary>Ordinary threads: work of both classes shares CPUs evenly with other processes.</summary>
    Plain,
}
