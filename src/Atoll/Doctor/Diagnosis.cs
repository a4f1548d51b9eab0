namespace Atoll;

/// <summary>Something that this machine lacks, what that costs, and what to do about it.</summary>
internal sealed record Finding(string Missing, string Cost, string Remedy);

/// <summary>What the facts of a machine mean for real-time and best-effort work on it. Pure.</summary>
internal static class Diagnosis
{
    private const string GrantRights =
        "run as root, give the service CAP_SYS_NICE (deploy/atoll.service) or the container --cap-add SYS_NICE";

    public static IReadOnlyList<Finding> Of(MachineFacts facts) =>
        [.. Cpu(facts), .. Scheduling(facts), .. Memory(facts)];

    private static IEnumerable<Finding> Cpu(MachineFacts facts)
    {
        if (!facts.HasAvx2)
        {
            yield return new Finding(
                "AVX2 with FMA", "kernels run in scalar code, many times slower",
                    "use a CPU that has it, or expose it to the guest");
        }
        else if (!facts.HasAvx512)
        {
            yield return new Finding(
                "AVX-512", "kernels use 256-bit vectors: up to half the speed per cycle", "none needed");
        }

        if (facts.HasVnni512 && facts.ByteProducts != MachineFacts.Vnni512)
        {
            yield return new Finding(
                "executable memory", "models of 8-bit integers take several times as long: the system lets no kernel " +
                    "make its machine code",
                "allow the process executable memory (seccomp, SELinux execmem, MemoryDenyWriteExecute)");
        }

        if (facts.CpusAllowed < 2)
        {
            yield return new Finding(
                "a second CPU",
                "one compute unit shares its CPU with the server and the clients; real-time latency is bound by the " +
                    "scheduler",
                "allow the process two CPUs or more");
        }

        if (facts.CpuQuota < facts.CpusAllowed)
        {
            yield return new Finding(
                $"CPU time: a quota of {facts.CpuQuota:0.##} on {facts.CpusAllowed} CPUs",
                "when it is spent every compute unit stops until the next period, usually for tens of milliseconds",
                "limit the container by CPU set (--cpuset-cpus), not by quota (--cpus)");
        }
    }

    private static IEnumerable<Finding> Scheduling(MachineFacts facts)
    {
        var may = facts.Scheduling;
        if (!may.MayUseFifo)
        {
            yield return new Finding(
                "the right to SCHED_FIFO",
                "while every CPU computes, a submitter waits for the scheduler: milliseconds instead of " +
                    "microseconds at p99",
                GrantRights);
        }
        else if (may.RtRuntimeUs is >= 0 && may.RtRuntimeUs < may.RtPeriodUs)
        {
            yield return new Finding(
                $"unlimited SCHED_FIFO: {may.RtRuntimeUs} of each {may.RtPeriodUs} us",
                "a submitter that never sleeps is stopped for the rest of each period; one that sleeps is not affected",
                "none needed; kernel.sched_rt_runtime_us = -1 lifts it");
        }

        if (!may.MayUseIdle || !may.MayLeaveIdle)
        {
            yield return new Finding(
                may.MayUseIdle ? "the right to leave SCHED_IDLE again" : "the right to SCHED_IDLE",
                "best-effort work cannot step back behind the threads that submit real-time work",
                GrantRights);
        }
    }

    private static IEnumerable<Finding> Memory(MachineFacts facts)
    {
        if (facts.MemoryAllowedGib < 4)
        {
            yield return new Finding(
                $"memory: the process may use {facts.MemoryAllowedGib:0.0} GiB",
                "large models may not fit; they are refused at load with what they need",
                "allow 4 GiB or more, or serve narrower models");
        }
    }
}
