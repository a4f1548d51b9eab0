namespace Atoll.Tests;

public sealed class DiagnosisTests
{
    private static readonly MachineFacts Good = new()
    {
        System = "Linux",
        Architecture = "X64",
        HasAvx2 = true,
        HasAvx512 = true,
        CpusOfMachine = 8,
        CpusAllowed = 8,
        MemoryGib = 64,
        MemoryAllowedGib = 64,
        Scheduling = new SchedulingFacts
        {
            MayUseFifo = true,
            MayUseIdle = true,
            MayLeaveIdle = true,
            RtRuntimeUs = -1,
            RtPeriodUs = 1_000_000,
        },
    };

    [Fact]
    public void A_machine_with_everything_lacks_nothing() => Assert.Empty(Diagnosis.Of(Good));

    [Fact]
    public void Missing_scheduling_rights_are_named_with_their_cost_and_remedy()
    {
        var plain = Good.Scheduling with { MayUseFifo = false, MayLeaveIdle = false };

        var findings = Diagnosis.Of(Good with { Scheduling = plain });

        Assert.Equal(
            ["the right to SCHED_FIFO", "the right to leave SCHED_IDLE again"], findings.Select(f => f.Missing));
        Assert.All(findings, finding => Assert.Contains("CAP_SYS_NICE", finding.Remedy, StringComparison.Ordinal));
    }

    [Fact]
    public void Limits_of_the_container_are_found()
    {
        var findings = Diagnosis.Of(Good with { CpuQuota = 1.5, CpusAllowed = 2, MemoryAllowedGib = 1 });

        Assert.Contains("quota of 1.5 on 2 CPUs", findings[0].Missing, StringComparison.Ordinal);
        Assert.Contains("1.0 GiB", findings[1].Missing, StringComparison.Ordinal);
    }

    [Fact]
    public void Missing_vectors_and_a_single_cpu_are_found()
    {
        var findings = Diagnosis.Of(Good with { HasAvx2 = false, HasAvx512 = false, CpusAllowed = 1 });

        Assert.Equal(["AVX2 with FMA", "a second CPU"], findings.Select(f => f.Missing));
        Assert.Equal("AVX-512", Assert.Single(Diagnosis.Of(Good with { HasAvx512 = false })).Missing);
    }

    [Fact]
    public void The_usual_limit_of_real_time_threads_is_told_but_needs_nothing()
    {
        var limited = Good.Scheduling with { RtRuntimeUs = 950_000 };

        Assert.StartsWith("none needed", Assert.Single(Diagnosis.Of(Good with { Scheduling = limited })).Remedy,
            StringComparison.Ordinal);
    }
}
