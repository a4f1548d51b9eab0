using System.Diagnostics;
using System.Text.Json;
using Atoll.Devices;

namespace Atoll;

/// <summary>Times of successive runs in one engine; CPU time is of the whole process, per run.</summary>
internal sealed record Stint(double[] Milliseconds, double CpuMilliseconds);

/// <summary>One input of a run: type as ONNX Runtime's node binding names it, and its elements.</summary>
internal sealed record PeerInput(string Name, string Type, IReadOnlyList<long> Shape, byte[] Data);

/// <summary>
/// ONNX Runtime in a node process pinned to given CPUs: all optimizations, sequential, a stated number of threads.
/// Not thread-safe.
/// </summary>
internal sealed class OrtModel : IDisposable
{
    // The system counts CPU time in steps of 10 ms.
    private static readonly TimeSpan RestLook = TimeSpan.FromMilliseconds(40);
    private const int RestLooks = 25;

    private readonly Process _process;
    private readonly string _folder;

    private OrtModel(Process process, string folder) => (_process, _folder) = (process, folder);

    /// <exception cref="UsageException">ONNX Runtime's npm package is not there.</exception>
    public static OrtModel Start(IEnumerable<int> cpus)
    {
        OrtInstallation.Require();
        var script = OrtInstallation.WriteScript("ort-bench.mjs");
        var start = new ProcessStartInfo(
            "taskset", ["-c", string.Join(',', cpus), "node", script, OrtInstallation.Folder])
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
        };
        return new OrtModel(Process.Start(start)!, Path.GetDirectoryName(script)!);
    }

    public string Version()
    {
        using var answer = Ask(new { command = "version" });
        return $"onnxruntime {answer.RootElement.GetProperty("onnxruntime").GetString()}, " +
            $"node {answer.RootElement.GetProperty("node").GetString()}, ORT_ENABLE_ALL, CPU provider";
    }

    /// <summary>Makes a session in place of the last one; returns how long that took, in ms.</summary>
    public double Load(string model, int threads, int batch)
    {
        using var answer = Ask(new { command = "load", model, threads, batch });
        return answer.RootElement.GetProperty("ms").GetDouble();
    }

    public void Feed(IEnumerable<PeerInput> inputs)
    {
        var described = inputs.Select((input, index) =>
        {
            var file = Path.Combine(_folder, $"input-{index}.bin");
            File.WriteAllBytes(file, input.Data);
            return new { name = input.Name, type = input.Type, dims = input.Shape, file };
        });
        Ask(new { command = "feed", inputs = described.ToArray() }).Dispose();
    }

    /// <summary>One run: its time in ms and the outputs' bytes by name.</summary>
    public (double Milliseconds, Dictionary<string, byte[]> Outputs) Fetch()
    {
        using var answer = Ask(new { command = "fetch", folder = _folder });
        var outputs = answer.RootElement.GetProperty("outputs").EnumerateArray().ToDictionary(
            o => o.GetProperty("name").GetString()!, o => File.ReadAllBytes(o.GetProperty("file").GetString()!));
        return (answer.RootElement.GetProperty("ms").GetDouble(), outputs);
    }

    public Stint Run(int count)
    {
        using var answer = Ask(new { command = "run", count });
        double[] ms = [.. answer.RootElement.GetProperty("ms").EnumerateArray().Select(v => v.GetDouble())];
        return new Stint(ms, answer.RootElement.GetProperty("cpu_ms").GetDouble());
    }

    /// <summary>
    /// Waits until the engine's threads sleep: after a run they look for more work on their CPUs for some tens of
    /// milliseconds, which is no part of anybody else's run.
    /// </summary>
    public void AwaitRest()
    {
        var used = CpuTime();
        for (var look = 0; look < RestLooks; look++)
        {
            ThreadScheduling.SleepPrecisely(RestLook);
            var now = CpuTime();
            if (now - used < RestLook / 4)
            {
                return;
            }

            used = now;
        }
    }

    /// <summary>Most resident memory that the process has had, in MB.</summary>
    public double PeakMegabytes()
    {
        using var answer = Ask(new { command = "memory" });
        return answer.RootElement.GetProperty("peak_mb").GetDouble();
    }

    public void Dispose()
    {
        _process.StandardInput.Close();
        if (!_process.WaitForExit(2000))
        {
            _process.Kill(entireProcessTree: true);
        }

        _process.Dispose();
        Directory.Delete(_folder, recursive: true);
    }

    private TimeSpan CpuTime()
    {
        _process.Refresh();
        return _process.TotalProcessorTime;
    }

    private JsonDocument Ask(object command)
    {
        _process.StandardInput.WriteLine(JsonSerializer.Serialize(command));
        _process.StandardInput.Flush();
        var line = _process.StandardOutput.ReadLine()
            ?? throw new InvalidOperationException("ONNX Runtime's process ended");
        var answer = JsonDocument.Parse(line);
        return answer.RootElement.TryGetProperty("error", out var error)
            ? throw new InvalidOperationException($"ONNX Runtime: {error.GetString()}")
            : answer;
    }
}
