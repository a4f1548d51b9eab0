using System.Net;
using System.Net.Sockets;
using System.Text.RegularExpressions;
using Atoll.Models;

namespace Atoll.Tests;

public sealed partial class ServeCommandTests : IDisposable
{
    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("atoll-serve");

    public void Dispose() => _folder.Delete(recursive: true);

    [Fact]
    public async Task A_served_model_answers_as_it_does_in_process_and_stops_when_told()
    {
        var file = CreateModel();
        var settings = Load(("serving.models", _folder.FullName), ("serving.port", "0"), ("device.name", "cpu:1"));
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(TestContext.Current.CancellationToken);
        using var output = new SignalWriter("Ready");
        var serving = ServeCommand.ServeAsync(settings, output, stop.Token);
        await (await Task.WhenAny(output.Signal, serving));
        var url = Url().Match(output.ToString()).Value;
        string[] input = ["--input", $"input={Pixels()}", "--json"];

        var remote = await CommandRun.StartAsync(["infer", "vgg19", "--url", url, .. input]);
        var local = await CommandRun.StartAsync(["infer", file, "--local", "--device", "cpu:1", .. input]);
        await stop.CancelAsync();

        Assert.Equal(ExitCode.Done, await serving);
        Assert.Equal((ExitCode.Done, ""), (remote.Code, remote.Error));
        Assert.Equal((ExitCode.Done, ""), (local.Code, local.Error));
        Assert.Contains("data", local.Output, StringComparison.Ordinal);
        Assert.Equal(local.Output, remote.Output);
    }

    [Fact]
    public async Task A_port_in_use_is_a_failure_that_names_it()
    {
        CreateModel();
        using var taken = new TcpListener(IPAddress.Loopback, 0);
        taken.Start();
        var port = ((IPEndPoint)taken.LocalEndpoint).Port;

        var run = await CommandRun.StartAsync(
            "serve", "--models", _folder.FullName, "--port", $"{port}", "--grpc-port", "off", "--device", "cpu:1");

        Assert.Equal(ExitCode.Failed, run.Code);
        Assert.Contains($"port {port}", run.Error, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("setting serving.models")]
    [InlineData("holds no models", "--models", "EMPTY")]
    [InlineData("serving.models", "--models", "/nowhere")]
    [InlineData("serving.address", "--models", "MODELS", "--host", "0.0.0.0")]
    [InlineData("allowed: an IP address", "--models", "MODELS", "--host", "here")]
    [InlineData("serving.tokens", "--models", "MODELS", "--set", "serving.tokens=short")]
    [InlineData("device.name", "--models", "MODELS", "--device", "tpu")]
    [InlineData("device.name", "--models", "MODELS", "--device", "cpu:-1")]
    [InlineData("compute units", "--models", "MODELS", "--device", "cpu:1024")]
    [InlineData("none of the 1 models", "--models", "BROKEN", "--port", "0")]
    public async Task What_cannot_be_served_is_bad_input_and_says_why(string expected, params string[] arguments)
    {
        if (arguments.Contains("MODELS"))
        {
            CreateModel();
        }
        else if (arguments.Contains("BROKEN"))
        {
            await File.WriteAllTextAsync(
                Path.Combine(_folder.FullName, "broken.onnx"), "not a model", TestContext.Current.CancellationToken);
        }

        var run = await CommandRun.StartAsync(["serve", .. arguments.Select(argument =>
            argument is "MODELS" or "EMPTY" or "BROKEN" ? _folder.FullName : argument)]);

        Assert.Equal(ExitCode.BadInput, run.Code);
        Assert.Contains(expected, run.Error, StringComparison.Ordinal);
        Assert.DoesNotContain("short", run.Error, StringComparison.Ordinal);
    }

    private static AtollSettings Load(params (string Name, string Value)[] flags) =>
        SettingsLoader.Load(new SettingsSources
    {
        Flags = [.. flags.Select(flag => new GivenSetting(flag.Name, flag.Value, "flag"))],
    }).Settings;

    private static string Pixels()
    {
        var random = new Random(7);
        var values = Enumerable.Range(0, 3 * 32 * 32).Select(_ => random.NextSingle().ToString("0.###"));
        return $"[{string.Join(',', values)}]";
    }

    private string CreateModel()
    {
        var file = Path.Combine(_folder.FullName, "vgg19.onnx");
        SampleModels.Create("vgg19", file, new SampleModelOptions { Width = 0.01, Image = 32 });
        return file;
    }

    [GeneratedRegex(@"http://\S+")]
    private static partial Regex Url();

    /// <summary>Tells when a text was written to it.</summary>
    private sealed class SignalWriter(string text) : StringWriter
    {
        private readonly TaskCompletionSource _signal = new(TaskCreationOptions.RunContinuationsAsynchronously);

        public Task Signal => _signal.Task;

        public override void WriteLine(string? value)
        {
            base.WriteLine(value);
            if (value?.Contains(text, StringComparison.Ordinal) == true)
            {
                _signal.TrySetResult();
            }
        }
    }
}
