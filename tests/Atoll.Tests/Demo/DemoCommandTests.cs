using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using System.Text.Json;

namespace Atoll.Tests;

/// <summary>The demo as a user runs it, with tiny models: a process of its own, its streams and its end.</summary>
public sealed class DemoCommandTests : IDisposable
{
    private static readonly TimeSpan Limit = TimeSpan.FromMinutes(4);

    private static readonly string[] Modes = ["sequential", "multi_stream", "wait", "reset", "reset_padding"];

    private static readonly string[] Load = ["vgg19", "resnet152", "densenet201", "inceptionv3", "distilbert"];

    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("atoll-demo-");

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    public void Dispose() => _folder.Delete(recursive: true);

    [Fact]
    public async Task The_demo_ends_with_a_complete_table_and_can_be_stopped_at_any_time()
    {
        await RunToTheEnd();
        await StopInTheMiddle();
        Assert.Empty(_folder.GetFiles("*.unfinished"));
    }

    [Fact]
    public async Task A_port_in_use_is_told_before_anything_is_made()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        var port = ((IPEndPoint)listener.LocalEndpoint).Port;

        var run = await CommandRun.StartAsync("demo", "--port", $"{port}", "--models", _folder.FullName);

        Assert.Equal(ExitCode.Failed, run.Code);
        Assert.Contains($"port {port}", run.Error, StringComparison.Ordinal);
        Assert.Contains("in use", run.Error, StringComparison.Ordinal);
        Assert.Empty(_folder.GetFiles());
    }

    private async Task RunToTheEnd()
    {
        using var demo = Start();
        var error = demo.StandardError.ReadToEndAsync(Cancellation);
        var output = await demo.StandardOutput.ReadToEndAsync(Cancellation);
        await demo.WaitForExitAsync(Cancellation).WaitAsync(Limit, TimeProvider.System, Cancellation);
        Assert.True(demo.ExitCode == ExitCode.Done, await error);
        using var report = JsonDocument.Parse(output);
        CheckReport(report.RootElement);
    }

    private static void CheckReport(JsonElement report)
    {
        var rows = report.GetProperty("rows").EnumerateArray().ToArray();
        Assert.Equal(Modes, rows.Select(row => row.GetProperty("mode").GetString()));
        Assert.All(rows, CheckRow);
        CheckLatencies(report.GetProperty("real_time_alone"));
        // Of all rows together: on a machine that others keep busy, best-effort work may get nothing for a second.
        Assert.True(rows.Sum(row => row.GetProperty("be_rps").GetDouble()) > 0);
        var drawn = report.GetProperty("digits_drawn").GetInt32();
        Assert.InRange(report.GetProperty("digits_recognised").GetInt32(), 0.9 * drawn, drawn);
        Assert.True(drawn > 0);
        Assert.Equal(0, report.GetProperty("answers_changed").GetInt64());
        Assert.True(report.GetProperty("answers").GetInt64() > drawn);
        var models = report.GetProperty("models").EnumerateArray();
        Assert.Equal(["digits", .. Load], models.Select(model => model.GetProperty("model").GetString()));
    }

    private static void CheckRow(JsonElement row)
    {
        CheckLatencies(row);
        Assert.Equal(Load, row.GetProperty("be_rps_by_model").EnumerateObject().Select(model => model.Name));
        var preempts = row.GetProperty("mode").GetString() is "wait" or "reset" or "reset_padding";
        var preemption = row.GetProperty("preempt_us");
        Assert.Equal(preempts ? JsonValueKind.Object : JsonValueKind.Null, preemption.ValueKind);
        foreach (var stage in preempts ? preemption.EnumerateObject().Select(stage => stage.Value) : [])
        {
            Assert.InRange(stage.GetProperty("p50").GetDouble(), 0, stage.GetProperty("p99").GetDouble());
        }
    }

    private static void CheckLatencies(JsonElement row)
    {
        var clients = row.GetProperty("real_time").EnumerateArray().ToArray();
        Assert.Equal(["digits", "vgg19"], clients.Select(client => client.GetProperty("model").GetString()));
        Assert.All(clients, client =>
        {
            Assert.True(client.GetProperty("answers").GetInt32() > 0, row.ToString());
            Assert.True(client.GetProperty("mean_ms").GetDouble() > 0, row.ToString());
            Assert.InRange(
                client.GetProperty("p50_ms").GetDouble(), double.Epsilon, client.GetProperty("p99_ms").GetDouble());
        });
    }

    private async Task StopInTheMiddle()
    {
        using var demo = Start();
        var output = demo.StandardOutput.ReadToEndAsync(Cancellation);
        var lines = new List<string>();
        while (!lines.Any(line => line.Contains("best-effort alone:", StringComparison.Ordinal)))
        {
            lines.Add(await demo.StandardError.ReadLineAsync(Cancellation).AsTask()
                .WaitAsync(Limit, TimeProvider.System, Cancellation) ?? throw new EndOfStreamException());
        }

        using var interrupt = Process.Start("/bin/bash", ["-c", $"kill -INT {demo.Id}"]);
        var rest = await demo.StandardError.ReadToEndAsync(Cancellation);
        await demo.WaitForExitAsync(Cancellation).WaitAsync(Limit, TimeProvider.System, Cancellation);

        Assert.Equal(ExitCode.Failed, demo.ExitCode);
        Assert.Contains("Stopped before the table was complete", rest, StringComparison.Ordinal);
        Assert.Empty(await output);
    }

    private Process Start()
    {
        var start = new ProcessStartInfo("dotnet")
        {
            RedirectStandardError = true,
            RedirectStandardOutput = true,
            WorkingDirectory = _folder.FullName,
        };
        string[] arguments =
        [
            Path.Combine(AppContext.BaseDirectory, "atoll.dll"), "demo", "--json", "--port", "0", "--width", "0.03",
            "--seconds", "1", "--models", _folder.FullName,
        ];
        Array.ForEach(arguments, start.ArgumentList.Add);
        return Process.Start(start) ?? throw new InvalidOperationException("the demo did not start");
    }
}
