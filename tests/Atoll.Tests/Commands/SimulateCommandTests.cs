using System.Text.Json;

namespace Atoll.Tests;

public sealed class SimulateCommandTests
{
    private const string Plan = """
        devices: [{kind: gpu, count: 2}]
        profiles: [{model: m, linear: {alpha_ms: 1, beta_ms: 10, max_batch: 64}}]
        sessions: [{name: s, model: m, objective_ms: 100, rate: 300}]
        arrivals: {kind: bursty, burst_factor: 1.5}
        simulation: {duration_s: 3, warm_up_s: 1, policies: [atoll, nexus]}
        """;

    private static async Task<(int Code, string Output, string Error)> RunAsync(string text, params string[] options)
    {
        var file = Path.GetTempFileName();
        try
        {
            await File.WriteAllTextAsync(file, text, TestContext.Current.CancellationToken);
            var run = await CommandRun.StartAsync(["simulate", file, .. options]);
            return (run.Code, run.Output, run.Error);
        }
        finally
        {
            File.Delete(file);
        }
    }

    [Fact]
    public async Task Json_holds_every_policy_of_the_file_with_its_figures()
    {
        var (code, output, _) = await RunAsync(Plan, "--json");

        Assert.Equal(0, code);
        var policies = JsonDocument.Parse(output).RootElement.GetProperty("policies").EnumerateArray().ToArray();
        Assert.Equal(["atoll", "nexus"], policies.Select(policy => policy.GetProperty("policy").GetString()!));
        foreach (var policy in policies)
        {
            Assert.InRange(policy.GetProperty("max_rate_99").GetDouble(), 300, 6000);
            Assert.InRange(policy.GetProperty("goodput").GetDouble(), 150, 600);
            Assert.InRange(policy.GetProperty("late_share").GetDouble(), 0, 0.01);
            Assert.InRange(policy.GetProperty("dropped_share").GetDouble(), 0, 1);
            Assert.InRange(policy.GetProperty("devices_used").GetDouble(), 0.5, 2);
        }
    }

    [Fact]
    public async Task Chosen_policies_and_seed_are_used()
    {
        var (_, first, _) = await RunAsync(Plan, "--policy", "triton", "--seed", "5");
        var (_, other, _) = await RunAsync(Plan, "--policy", "triton", "--seed", "6");

        Assert.Contains("triton", first, StringComparison.Ordinal);
        Assert.DoesNotContain("nexus", first, StringComparison.Ordinal);
        Assert.NotEqual(first, other);
    }

    [Theory]
    [InlineData("simulation: {duration_s: 3, policies: [best]}", "'best' is no policy")]
    [InlineData("simulation: {duration: 3}", "unknown")]
    [InlineData("arrivals: {kind: sometimes}", "'sometimes' is not one of poisson, uniform, bursty, trace")]
    [InlineData("arrivals: {steps: [{at_s: 2, factor: 1}, {at_s: 1, factor: 1}]}", "after the step before it")]
    public async Task A_mistake_in_the_file_is_bad_input_with_its_place(string section, string message)
    {
        var key = section[..section.IndexOf(':', StringComparison.Ordinal)];
        var lines = Plan.Split('\n').Where(line => !line.StartsWith(key + ":", StringComparison.Ordinal));
        var (code, _, error) = await RunAsync(string.Join('\n', lines.Append(section)));

        Assert.Equal(2, code);
        Assert.Contains(message, error, StringComparison.Ordinal);
        Assert.Contains("line ", error, StringComparison.Ordinal);
    }
}
