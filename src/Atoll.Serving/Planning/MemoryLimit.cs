namespace Atoll.Serving;

/// <summary>Device memory as the planner counts it: no limit stands for the largest number.</summary>
internal static class MemoryLimit
{
    public static long Of(DeviceKind kind) => kind.MemoryBytes > 0 ? kind.MemoryBytes : long.MaxValue;
}
