namespace Atoll.Devices;

/// <summary>Who goes first: real-time work preempts best-effort work within microseconds.</summary>
public enum WorkClass : byte
{
    RealTime = 0,
    BestEffort = 1,
}
