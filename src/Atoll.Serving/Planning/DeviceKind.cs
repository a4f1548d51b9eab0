namespace Atoll.Serving;

/// <summary>So many equal devices; they are named NAME-0, NAME-1 … Memory 0 means: not limited.</summary>
public sealed record DeviceKind(string Name, int Count, long MemoryBytes = 0)
{
    /// <summary>The name of one device of this kind.</summary>
    public string DeviceName(int index) => $"{Name}-{index}";
}
