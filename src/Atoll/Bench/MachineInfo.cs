namespace Atoll;

/// <summary>What the operating system says of the processor.</summary>
internal static class MachineInfo
{
    private const string CpuFile = "/proc/cpuinfo";

    public static string Processor
    {
        get
        {
            var line = File.Exists(CpuFile)
                ? File.ReadLines(CpuFile).FirstOrDefault(l => l.StartsWith("model name", StringComparison.Ordinal))
                : null;
            return line is null ? "unknown processor"
                : line[(line.IndexOf(':', StringComparison.Ordinal) + 1)..].Trim();
        }
    }
}
