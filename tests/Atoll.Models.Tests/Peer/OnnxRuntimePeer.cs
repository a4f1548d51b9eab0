using System.Diagnostics;
using System.Text.Json;

namespace Atoll.Models.Tests;

/// <summary>
/// ONNX Runtime in a node process (tests/peer/ort-run.mjs): the reference that sample models are compared with.
/// </summary>
internal static class OnnxRuntimePeer
{
    private static readonly TimeSpan TimeLimit = TimeSpan.FromMinutes(3);

    private static string Folder => Environment.GetEnvironmentVariable("ATOLL_PEER") ?? "/opt/peer";

    private static string Script(string name) => Path.Combine(RepositoryRoot(), "tests", "peer", name);

    /// <summary>Skips the calling test, with the reason, where node or ONNX Runtime is absent.</summary>
    public static void SkipIfAbsent()
    {
        if (!Directory.Exists(Path.Combine(Folder, "node_modules", "onnxruntime-node")))
        {
            Assert.Skip($"no onnxruntime-node under '{Folder}' (ATOLL_PEER)");
        }

        var paths = (Environment.GetEnvironmentVariable("PATH") ?? "").Split(Path.PathSeparator);
        if (!paths.Any(p => p.Length > 0 && File.Exists(Path.Combine(p, "node"))))
        {
            Assert.Skip("node is not on the PATH");
        }
    }

    /// <summary>
    /// Runs the model once per item of <paramref name="runs"/> (inputs by name) and returns the outputs by name.
    /// </summary>
    public static List<Dictionary<string, Tensor>> Run(
        string modelPath, IReadOnlyList<IReadOnlyDictionary<string, Tensor>> runs)
    {
        var folder = Directory.CreateTempSubdirectory("atoll-peer-");
        try
        {
            var job = Path.Combine(folder.FullName, "job.json");
            var described = runs.Select((inputs, i) =>
                inputs.Select((input, j) => Save(folder, $"in{i}-{j}.bin", input)).ToList());
            File.WriteAllText(job, JsonSerializer.Serialize(new { runs = described }));
            Execute(Script("ort-run.mjs"), modelPath, job, folder.FullName);
            using var result = JsonDocument.Parse(File.ReadAllText(Path.Combine(folder.FullName, "result.json")));
            return [.. result.RootElement.GetProperty("runs").EnumerateArray().Select(ReadRun)];
        }
        finally
        {
            folder.Delete(recursive: true);
        }
    }

    /// <summary>
    /// Runs each model once, all in one process. An answer is the outputs in the graph's order, or why there are none.
    /// </summary>
    public static List<(Tensor[] Outputs, string? Error)> RunAll(
        IReadOnlyList<(byte[] Model, IReadOnlyDictionary<string, Tensor> Inputs)> cases)
    {
        var folder = Directory.CreateTempSubdirectory("atoll-peer-");
        try
        {
            var described = cases.Select((c, i) =>
            {
                var model = Path.Combine(folder.FullName, $"{i}.onnx");
                File.WriteAllBytes(model, c.Model);
                return new { model, inputs = c.Inputs.Select((v, j) => Save(folder, $"in{i}-{j}.bin", v)).ToList() };
            });
            var job = Path.Combine(folder.FullName, "job.json");
            File.WriteAllText(job, JsonSerializer.Serialize(new { cases = described }));
            Execute(Script("ort-batch.mjs"), job, folder.FullName);
            using var result = JsonDocument.Parse(File.ReadAllText(Path.Combine(folder.FullName, "result.json")));
            return [.. result.RootElement.GetProperty("cases").EnumerateArray().Select(c =>
                c.TryGetProperty("error", out var error) ? ([], error.GetString()!)
                : (c.GetProperty("outputs").EnumerateArray().Select(ReadOutput).ToArray(), (string?)null))];
        }
        finally
        {
            folder.Delete(recursive: true);
        }
    }

    /// <summary>
    /// Largest error in units of the tolerance: |actual - expected| / (absolute + relative * |expected|).
    /// </summary>
    public static double WorstError(
        ReadOnlySpan<float> expected, ReadOnlySpan<float> actual, double relative = 1e-3, double absolute = 1e-4)
    {
        Assert.Equal(expected.Length, actual.Length);
        var worst = 0.0;
        for (var i = 0; i < expected.Length; i++)
        {
            var error = Math.Abs((double)actual[i] - expected[i]) / (absolute + (relative * Math.Abs(expected[i])));
            worst = double.IsNaN(error) ? double.PositiveInfinity : Math.Max(worst, error);
        }

        return worst;
    }

    private static object Save(DirectoryInfo folder, string file, KeyValuePair<string, Tensor> input)
    {
        var path = Path.Combine(folder.FullName, file);
        File.WriteAllBytes(path, input.Value.Data);
        return new { name = input.Key, type = PeerName(input.Value.Type), dims = input.Value.Shape, file = path };
    }

    private static Dictionary<string, Tensor> ReadRun(JsonElement run) => run.EnumerateArray().ToDictionary(
        output => output.GetProperty("name").GetString()!,
        ReadOutput);

    private static Tensor ReadOutput(JsonElement output) => new(
        FromPeerName(output.GetProperty("type").GetString()!),
        [.. output.GetProperty("dims").EnumerateArray().Select(d => d.GetInt64())],
        File.ReadAllBytes(output.GetProperty("file").GetString()!));

    private static void Execute(params string[] arguments)
    {
        var start = new ProcessStartInfo("node") { RedirectStandardError = true, RedirectStandardOutput = true };
        Array.ForEach(arguments, start.ArgumentList.Add);
        start.Environment["ATOLL_PEER"] = Folder;
        using var process = Process.Start(start) ?? throw new InvalidOperationException("node did not start");
        var errors = process.StandardError.ReadToEndAsync();
        var output = process.StandardOutput.ReadToEndAsync();
        if (!process.WaitForExit(TimeLimit))
        {
            process.Kill(entireProcessTree: true);
            Assert.Fail($"ONNX Runtime took longer than {TimeLimit} on '{arguments[1]}'");
        }

        Assert.True(process.ExitCode == 0, $"ONNX Runtime refused '{arguments[1]}': {errors.Result}{output.Result}");
    }

    private static string PeerName(ElementType type) => type switch
    {
        ElementType.Float32 => "float32",
        ElementType.Float64 => "float64",
        ElementType.Bool => "bool",
        _ => type.ToString().ToLowerInvariant(),
    };

    private static ElementType FromPeerName(string name) =>
        Enum.Parse<ElementType>(name, ignoreCase: true);

    private static string RepositoryRoot()
    {
        for (var folder = new DirectoryInfo(AppContext.BaseDirectory); folder is not null; folder = folder.Parent)
        {
            if (File.Exists(Path.Combine(folder.FullName, "Atoll.slnx")))
            {
                return folder.FullName;
            }
        }

        throw new InvalidOperationException($"no Atoll.slnx above '{AppContext.BaseDirectory}'");
    }
}
