using System.Text.Json;

namespace Atoll.Tests;

/// <summary>`atoll plan` on the samples, and on files that are wrong.</summary>
public sealed class PlanCommandTests
{
    [Fact]
    public async Task The_papers_residues_are_planned_as_published()
    {
        using var plan = await PlanAsync("nexus-residual.yaml", "nexus");
        var devices = plan.RootElement.GetProperty("devices");
        Assert.Equal(2, devices.GetArrayLength());
        Assert.Equal(1.0, devices[0].GetProperty("occupancy").GetDouble(), 9);
        Assert.Equal(125, devices[0].GetProperty("cycle_ms").GetDouble(), 6);
        var first = devices[0].GetProperty("sessions")[0];
        Assert.Equal("A", first.GetProperty("session").GetString());
        Assert.Equal(8, first.GetProperty("batch").GetInt32());
        Assert.Equal(64, first.GetProperty("rate").GetDouble(), 6);
        Assert.Equal(200, first.GetProperty("worst_ms").GetDouble(), 6);
        Assert.Equal(0.48, devices[1].GetProperty("occupancy").GetDouble(), 9);
    }

    [Fact]
    public async Task The_fields_that_scripts_read_come_first_and_in_order()
    {
        using var plan = await PlanAsync("nexus-saturated.yaml", "nexus");
        Assert.Equal(["devices", "fluid_bound", "plan_ms"], Names(plan.RootElement).Take(3));
        var device = plan.RootElement.GetProperty("devices")[0];
        Assert.Equal(["occupancy", "cycle_ms", "sessions"], Names(device).Take(3));
        Assert.Equal(
            ["session", "batch", "rate", "worst_ms"], Names(device.GetProperty("sessions")[0]).Take(4));
        Assert.Equal(10, plan.RootElement.GetProperty("devices").GetArrayLength());
    }

    [Theory]
    [InlineData("nexus-residual.yaml")]
    [InlineData("nexus-saturated.yaml")]
    [InlineData("traffic.yaml")]
    [InlineData("forty-services.yaml")]
    public async Task Every_sample_is_planned_whole_and_in_time(string sample)
    {
        using var plan = await PlanAsync(sample, "atoll");
        foreach (var session in plan.RootElement.GetProperty("devices").EnumerateArray()
            .SelectMany(device => device.GetProperty("sessions").EnumerateArray()))
        {
            Assert.True(
                session.GetProperty("worst_ms").GetDouble() <= session.GetProperty("objective_ms").GetDouble() + 1e-3,
                session.ToString());
        }
    }

    [Fact]
    public async Task The_table_names_devices_reasons_and_the_bound()
    {
        var run = await CommandRun.StartAsync("plan", Sample("traffic.yaml"), "--explain");
        Assert.True(run.Code == ExitCode.Done, run.Error);
        foreach (
            var told in new[] { "gpu-0", "game", "traffic/detect", "fluid bound", "query traffic: detect ", "backup" })
        {
            Assert.Contains(told, run.Output, StringComparison.Ordinal);
        }
    }

    [Fact]
    public async Task A_bad_file_is_bad_input_with_its_line_and_key()
    {
        var file = Path.GetTempFileName();
        try
        {
            var text =
                await File.ReadAllTextAsync(Sample("nexus-residual.yaml"), TestContext.Current.CancellationToken);
            await File.WriteAllTextAsync(
                file, text.Replace("rate: 64", "rate: fast", StringComparison.Ordinal),
                TestContext.Current.CancellationToken);
            var run = await CommandRun.StartAsync("plan", file);
            Assert.Equal(ExitCode.BadInput, run.Code);
            Assert.Contains("line 11", run.Error, StringComparison.Ordinal);
            Assert.Contains("'sessions[0].rate' 'fast' is not a number", run.Error, StringComparison.Ordinal);
        }
        finally
        {
            File.Delete(file);
        }
    }

    [Fact]
    public async Task A_missing_file_and_an_unknown_policy_are_bad_input()
    {
        Assert.Equal(ExitCode.BadInput, (await CommandRun.StartAsync("plan", "none.yaml")).Code);
        Assert.Equal(
            ExitCode.BadInput,
            (await CommandRun.StartAsync("plan", Sample("traffic.yaml"), "--policy", "magic")).Code);
    }

    [Fact]
    public async Task Load_that_does_not_fit_fails_and_is_named()
    {
        var file = Path.GetTempFileName();
        try
        {
            var text =
                await File.ReadAllTextAsync(Sample("nexus-saturated.yaml"), TestContext.Current.CancellationToken);
            await File.WriteAllTextAsync(
                file, text.Replace("count: 16", "count: 3", StringComparison.Ordinal),
                TestContext.Current.CancellationToken);
            var run = await CommandRun.StartAsync("plan", file);
            Assert.Equal(ExitCode.Failed, run.Code);
            Assert.Contains("not placed: ", run.Output, StringComparison.Ordinal);
        }
        finally
        {
            File.Delete(file);
        }
    }

    private static async Task<JsonDocument> PlanAsync(string sample, string policy)
    {
        var run = await CommandRun.StartAsync("plan", Sample(sample), "--json", "--policy", policy);
        Assert.True(run.Code == ExitCode.Done, run.Output + run.Error);
        return JsonDocument.Parse(run.Output);
    }

    private static string Sample(string name) => Path.Combine(Checkout.Root, "samples", "plans", name);

    private static IEnumerable<string> Names(JsonElement element) =>
        element.EnumerateObject().Select(property => property.Name);
}
