using System.Diagnostics;
using System.Globalization;
using System.Text.Json;

namespace Atoll;

/// <summary>What one stretch of an ONNX Runtime process measured.</summary>
internal sealed record OrtRun(double Seconds, double[] LatenciesMs);

/// <summary>
/// ONNX Runtime (npm onnxruntime-node) in a process of its own, as a user would run it: default session options,
/// default priority or, as the operator's remedy, SCHED_IDLE and nice 19.
/// </summary>
internal sealed class OrtProcess : IDisposable
{
    private readonly Process _process;

    private OrtProcess(Process process) => _process = process;

    /// <exception cref="UsageException">The npm package or node is not there.</exception>
    public static OrtProcess Start(string model, bool isIdlePriority)
    {
        OrtInstallation.Require();
        var script = OrtInstallation.WriteScript("ort-client.mjs");
        string[] command = isIdlePriority
            ? ["nice", "-n", "19", "chrt", "--idle", "0", "node", script, model, OrtInstallation.Folder]
            : ["node", script, model, OrtInstallation.Folder];
        var start = new ProcessStartInfo(command[0], command[1..])
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
        };
        var client = new OrtProcess(Process.Start(start)!);
        var answer = client._process.StandardOutput.ReadLine();
        Directory.Delete(Path.GetDirectoryName(script)!, recursive: true);
        if (answer != "ready")
        {
            client.Dispose();
            throw new InvalidOperationException($"ONNX Runtime could not run {model}: its process ended early");
        }

        return client;
    }

    /// <param name="rate">Requests per second; 0 = closed loop.</param>
    public Task<OrtRun> RunAsync(double seconds, double rate)
    {
        _process.StandardInput.WriteLine(string.Create(CultureInfo.InvariantCulture, $"run {seconds} {rate}"));
        _process.StandardInput.Flush();
        return Task.Run(async () =>
        {
            var line = await _process.StandardOutput.ReadLineAsync()
                ?? throw new InvalidOperationException("ONNX Runtime's process ended");
            return JsonSerializer.Deserialize(line, BenchJson.Default.OrtRun)!;
        });
    }

    public void Dispose()
    {
        _process.StandardInput.Close();
        if (!_process.WaitForExit(2000))
        {
            _process.Kill(entireProcessTree: true);
        }

        _process.Dispose();
    }
}
