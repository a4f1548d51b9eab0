using System.Text.Json.Nodes;

namespace Atoll.Tests;

public sealed class SettingsCommandTests
{
    [Fact]
    public async Task Json_holds_every_setting_with_its_value_and_origin()
    {
        var run = await CommandRun.StartAsync("settings", "--json", "--device", "cpu:2", "--set", "device.spin=5");

        Assert.Equal(ExitCode.Done, run.Code);
        var json = JsonNode.Parse(run.Output)!.AsObject();
        Assert.Equal(SettingsTable.All.Count, json.Count);
        Assert.Equal("cpu:2", (string?)json["device.name"]!["value"]);
        Assert.Equal("flag --device", (string?)json["device.name"]!["origin"]);
        Assert.Equal("5", (string?)json["device.spin"]!["value"]);
    }

    [Fact]
    public async Task The_table_names_every_setting()
    {
        var run = await CommandRun.StartAsync("settings");

        Assert.Equal(ExitCode.Done, run.Code);
        Assert.All(SettingsTable.All, setting => Assert.Contains(setting.Name, run.Output, StringComparison.Ordinal));
    }

    [Theory]
    [InlineData("--device", "cuda", "no CUDA device")]
    [InlineData("--device", "tpu", "allowed: cpu, cpu:N")]
    [InlineData("--set", "device.spin", "NAME=VALUE")]
    [InlineData("--log-level", "loud", "allowed: trace")]
    public async Task A_wrong_value_is_bad_input_and_says_what_is_allowed(string flag, string value, string expected)
    {
        var run = await CommandRun.StartAsync("settings", flag, value);

        Assert.Equal(ExitCode.BadInput, run.Code);
        Assert.Contains(expected, run.Error, StringComparison.Ordinal);
        Assert.Single(run.Error.TrimEnd().Split('\n'));
    }
}
