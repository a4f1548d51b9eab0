using System.Text.Json.Nodes;

namespace Atoll.Tests;

public sealed class DoctorCommandTests
{
    [Fact]
    public async Task Json_has_the_machine_and_what_is_missing_in_snake_case()
    {
        var run = await CommandRun.StartAsync("doctor", "--json");

        Assert.Equal(ExitCode.Done, run.Code);
        var report = JsonNode.Parse(run.Output)!;
        Assert.True((int?)report["machine"]!["cpus_allowed"] >= 1);
        Assert.NotNull(report["machine"]!["scheduling"]!["may_use_fifo"]);
        Assert.NotNull(report["missing"]!.AsArray());
    }

    [Fact]
    public async Task Text_names_vectors_cpus_memory_and_scheduling()
    {
        var run = await CommandRun.StartAsync("doctor");

        Assert.Equal(ExitCode.Done, run.Code);
        Assert.All(
            ["AVX-512", "cpus", "memory", "SCHED_FIFO", "SCHED_IDLE"],
            word => Assert.Contains(word, run.Output, StringComparison.Ordinal));
    }
}
