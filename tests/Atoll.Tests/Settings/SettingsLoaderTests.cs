using Microsoft.Extensions.Logging;

namespace Atoll.Tests;

public sealed class SettingsLoaderTests : IDisposable
{
    private readonly string _file = Path.GetTempFileName();

    public void Dispose() => File.Delete(_file);

    [Fact]
    public void Flags_win_over_environment_over_file_over_default()
    {
        File.WriteAllText(_file, """{ "device": { "spin": 1, "padding_budget": 0.2, "memory": 3 } } // the least""");
        var sources = new SettingsSources
        {
            File = _file,
            Environment = Environment(("ATOLL_DEVICE__SPIN", "2"), ("ATOLL_DEVICE__PADDING_BUDGET", "0.3")),
            Flags = [new GivenSetting("device.spin", "4", "flag --set")],
        };

        var (settings, origins) = SettingsLoader.Load(sources);

        Assert.Equal((4, 0.3, 3, 100), (
            settings.Device.SpinUs, settings.Device.PaddingBudget, settings.Device.MemoryGib,
            settings.Device.StarvationLimitMs));
        Assert.Equal("flag --set", origins["device.spin"]);
        Assert.Equal("environment ATOLL_DEVICE__PADDING_BUDGET", origins["device.padding_budget"]);
        Assert.Equal($"file {_file}", origins["device.memory"]);
        Assert.Equal("default", origins["device.starvation_limit"]);
    }

    [Fact]
    public void All_wrong_values_are_reported_at_once_with_origin_and_allowed_values()
    {
        File.WriteAllText(_file, """{ "log": { "level": "loud" }, "device": { "colour": 1 } }""");
        var sources = new SettingsSources
        {
            File = _file,
            Environment = Environment(("ATOLL_DEVICE__SPIN", "NaN"), ("ATOLL_DEVICE__NAME", "cuda")),
            Flags = [new GivenSetting("device.padding_budget", "2", "flag --set")],
        };

        var message = Assert.Throws<UsageException>(() => SettingsLoader.Load(sources)).Message;

        Assert.Contains($"file {_file}: log.level is 'loud', allowed: trace, debug, information", message,
            StringComparison.Ordinal);
        Assert.Contains("no setting is named 'device.colour'", message, StringComparison.Ordinal);
        Assert.Contains("environment ATOLL_DEVICE__SPIN: device.spin is 'NaN', allowed: 0 to 100000 us", message,
            StringComparison.Ordinal);
        Assert.Contains("device.name is 'cuda', allowed: cpu, cpu:N", message, StringComparison.Ordinal);
        Assert.Contains("flag --set: device.padding_budget is '2', allowed: 0 to 0.99 share", message,
            StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("{ \"device\": ")]
    [InlineData("[1]")]
    [InlineData("7")]
    public void A_file_that_holds_no_settings_is_bad_input(string text)
    {
        File.WriteAllText(_file, text);

        var error = Assert.Throws<UsageException>(() => SettingsLoader.Load(new SettingsSources { File = _file }));

        Assert.Contains(_file, error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_named_file_that_is_absent_is_bad_input() =>
        Assert.Throws<UsageException>(() => SettingsLoader.Load(new SettingsSources { File = _file + ".absent" }));

    [Fact]
    public void Other_variables_of_the_environment_are_left_alone() =>
        SettingsLoader.Load(new SettingsSources { Environment = Environment(("ATOLL_PEER", "/opt/peer")) });

    [Fact]
    public void A_variable_with_a_slip_in_its_name_is_told_with_the_nearest_setting_and_without_its_value()
    {
        string[] names =
            ["ATOLL_SERVING_PORT", "atoll_log__level", "ATOLL_PEER", "ATOLL_DEVICE__SPIN", "PATH", "ATOLL_TOKENS"];

        var told = UnreadVariables.Describe(names).ToArray();

        Assert.Equal(
        [
            "the environment variable ATOLL_SERVING_PORT is no setting and changes nothing; the nearest is " +
                "ATOLL_SERVING__PORT",
            "the environment variable ATOLL_TOKENS is no setting and changes nothing; the nearest is " +
                "ATOLL_SERVING__TOKENS",
            "the environment variable atoll_log__level is no setting and changes nothing; the nearest is " +
                "ATOLL_LOG__LEVEL",
        ], told);
    }

    [Theory]
    [InlineData("serving.prot", "serving.port")]
    [InlineData("grpc_port", "serving.grpc_port")]
    public void An_unknown_setting_of_a_file_is_an_error_that_names_the_nearest(string given, string meant)
    {
        File.WriteAllText(_file, $$"""{ "{{given}}": 1 }""");

        var error = Assert.Throws<UsageException>(() => SettingsLoader.Load(new SettingsSources { File = _file }));

        Assert.Contains($"no setting is named '{given}', the nearest is {meant}", error.Message,
            StringComparison.Ordinal);
    }

    [Fact]
    public void Choices_are_read_in_any_case()
    {
        var flags =
            new[] { new GivenSetting("log.level", "WARNING", "flag"), new GivenSetting("log.format", "json", "flag") };

        var log = SettingsLoader.Load(new SettingsSources { Flags = flags }).Settings.Log;

        Assert.Equal((LogLevel.Warning, LogFormat.Json), (log.Level, log.Format));
    }

    private static Dictionary<string, string> Environment(params (string Name, string Value)[] variables) =>
        variables.ToDictionary(variable => variable.Name, variable => variable.Value);
}
