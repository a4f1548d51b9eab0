using System.CommandLine;
using System.Globalization;
using System.Text.Json;

namespace Atoll;

/// <summary>`atoll bench http`.</summary>
internal static class HttpBenchCommand
{
    public static Command Create(TimeProvider clock)
    {
        var requests = new Option<int>("--requests")
        {
            Description = "Requests one after another.", DefaultValueFactory = _ => 20_000,
        };
        var connections = new Option<int>("--connections")
        {
            Description = "Connections at saturation.", DefaultValueFactory = _ => 256,
        };
        var seconds = new Option<double>("--seconds")
        {
            Description = "Length of the saturated run.", DefaultValueFactory = _ => 10,
        };
        var quick = new Option<bool>("--quick") { Description = "5000 requests, 2 s at saturation; within 45 s." };
        var json = new Option<bool>("--json") { Description = "Print the report as JSON." };
        var command = new Command("http", "What HTTP adds to a small inference, and the server at saturation.")
        {
            requests, connections, seconds, quick, json,
        };
        command.SetAction(async (result, stop) =>
        {
            var options = result.GetValue(quick)
                ? new HttpBenchOptions(5000, result.GetValue(connections), 2)
                : new HttpBenchOptions(
                    result.GetValue(requests), result.GetValue(connections), result.GetValue(seconds));
            Check(options);
            var bench = new HttpBench(options, clock, Console.Error.WriteLine);
            var report = await bench.RunAsync(stop);
            var output = result.InvocationConfiguration.Output;
            if (result.GetValue(json))
            {
                output.WriteLine(JsonSerializer.Serialize(report, BenchJson.Default.HttpReport));
            }
            else
            {
                Print(report, output);
            }

            return ExitCode.Done;
        });
        return command;
    }

    private static void Check(HttpBenchOptions options)
    {
        if (options.Requests is < 1 or > 10_000_000 || options.Connections is < 1 or > 4096 ||
            options.Seconds is not (>= 0.1 and <= 3600))
        {
            throw new UsageException(
                "--requests must be 1 to 10000000, --connections 1 to 4096, --seconds 0.1 to 3600");
        }
    }

    private static void Print(HttpReport report, TextWriter output)
    {
        var table = TextTable.Create("one connection", "p50 us", "p99 us", "p99 of median part us", "max us");
        Add("in process", report.InProcess);
        Add("HTTP", report.Http);
        Add("echo (control)", report.Control);
        TextTable.Add(
            table, "overhead", Us(report.OverheadP50Us), Us(report.OverheadP99Us), Us(report.OverheadPartP99Us), "");
        TextTable.Write(table, output);
        if (report.StolenShare is { } stolen)
        {
            output.WriteLine(string.Create(
                CultureInfo.InvariantCulture, $"the host took {stolen:P1} of the processors away meanwhile"));
        }

        var load = report.Saturation;
        output.WriteLine(string.Create(CultureInfo.InvariantCulture,
            $"{report.AllocatedBytesPerRequest:F0} bytes allocated per request; {load.Connections} connections: " +
            $"{load.RequestsPerSecond:F0} requests/s, {load.Refused} answered 503, {load.Failed} failed, memory " +
            $"grew {load.GrowthBytes / 1024.0:F0} KiB in {load.Seconds:F1} s"));

        void Add(string name, HttpLatency of) =>
            TextTable.Add(table, name, Us(of.P50Us), Us(of.P99Us), Us(of.PartP99Us), Us(of.MaxUs));
    }

    private static string Us(double value) => value.ToString("F1", CultureInfo.InvariantCulture);
}
