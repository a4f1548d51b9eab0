using System.Globalization;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics.X86;
using Atoll.Devices;
using Atoll.Kernels;

namespace Atoll;

/// <summary>Reads the facts of this machine; changes nothing that outlives the call.</summary>
internal static class MachineProbe
{
    private const double Gib = 1L << 30;

    public static MachineFacts Read()
    {
        var allowed = GC.GetGCMemoryInfo().TotalAvailableMemoryBytes / Gib;
        return new MachineFacts
        {
            System = RuntimeInformation.OSDescription,
            Architecture = RuntimeInformation.ProcessArchitecture.ToString(),
            CpuModel = LineAfter("/proc/cpuinfo", "model name"),
            HasAvx2 = Avx2.IsSupported && Fma.IsSupported,
            HasAvx512 = Avx512F.IsSupported,
            HasVnni512 = ByteMicroKernels.HasVnni512,
            ByteProducts = ByteMicroKernels.Best switch
            {
                ByteProductForm.Vnni512 => MachineFacts.Vnni512,
                ByteProductForm.Vnni256 => "256-bit VNNI",
                _ => "16-bit products",
            },
            CpusOfMachine = CpusOfMachine(),
            CpusAllowed = ThreadScheduling.AllowedCpus().Count,
            CpuQuota = CpuQuota("/sys/fs/cgroup", LinesOf("/proc/self/cgroup")),
            MemoryGib = MemoryOfMachine() ?? allowed,
            MemoryAllowedGib = allowed,
            Scheduling = new SchedulingFacts
            {
                MayUseFifo = OnThread(() => ThreadScheduling.TryFifo(1)),
                MayUseIdle = OnThread(ThreadScheduling.TryIdle),
                MayLeaveIdle = OnThread(() => ThreadScheduling.TryIdle() && ThreadScheduling.TryBatch()),
                RtRuntimeUs = Number("/proc/sys/kernel/sched_rt_runtime_us"),
                RtPeriodUs = Number("/proc/sys/kernel/sched_rt_period_us"),
            },
        };
    }

    /// <summary>
    /// The least CPU quota of the process's control group and those above it, in CPUs; null for none.
    /// </summary>
    public static double? CpuQuota(string mount, IEnumerable<string> membership)
    {
        var quotas = membership.SelectMany(line => QuotasOf(mount, line)).ToList();
        return quotas.Count == 0 ? null : quotas.Min();
    }

    // A line is ID:CONTROLLERS:PATH. Version 2 has no controllers; inside a container the path may lie above the mount.
    private static IEnumerable<double> QuotasOf(string mount, string line)
    {
        if (line.Split(':', 3) is not [_, var controllers, var path])
        {
            yield break;
        }

        var root = controllers.Length == 0 ? mount : $"{mount}/cpu";
        if (controllers.Length > 0 && !controllers.Split(',').Contains("cpu"))
        {
            yield break;
        }

        for (var group = path.TrimEnd('/'); ; group = group[..group.LastIndexOf('/')])
        {
            if (Quota(root + group) is { } quota)
            {
                yield return quota;
            }

            if (group.Length == 0)
            {
                yield break;
            }
        }
    }

    private static double? Quota(string group)
    {
        var pair = File.Exists($"{group}/cpu.max")
            ? File.ReadAllText($"{group}/cpu.max").Trim().Split(' ')
            : [Text($"{group}/cpu.cfs_quota_us") ?? "", Text($"{group}/cpu.cfs_period_us") ?? ""];
        return pair.Length == 2 && long.TryParse(pair[0], out var quota) && long.TryParse(pair[1], out var period) &&
            quota > 0 && period > 0
            ? (double)quota / period
            : null;
    }

    private static bool OnThread(Func<bool> attempt)
    {
        var result = false;
        var thread = new Thread(() => result = attempt()) { Name = "doctor" };
        thread.Start();
        thread.Join();
        return result;
    }

    private static int CpusOfMachine()
    {
        var count = LinesOf("/proc/cpuinfo").Count(line => line.StartsWith("processor", StringComparison.Ordinal));
        return count > 0 ? count : Environment.ProcessorCount;
    }

    private static double? MemoryOfMachine() =>
        LineAfter("/proc/meminfo", "MemTotal")?.Split(' ') is [var kib, ..] &&
        long.TryParse(kib, NumberStyles.None, CultureInfo.InvariantCulture, out var value)
            ? value * 1024 / Gib
            : null;

    private static string? LineAfter(string path, string key) => LinesOf(path)
        .Where(line => line.StartsWith(key, StringComparison.Ordinal))
        .Select(line => line[(line.IndexOf(':', StringComparison.Ordinal) + 1)..].Trim())
        .FirstOrDefault();

    private static IEnumerable<string> LinesOf(string path) => File.Exists(path) ? File.ReadLines(path) : [];

    private static string? Text(string path) => File.Exists(path) ? File.ReadAllText(path).Trim() : null;

    private static long? Number(string path) => long.TryParse(Text(path), out var value) ? value : null;
}
