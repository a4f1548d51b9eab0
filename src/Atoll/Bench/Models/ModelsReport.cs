using System.Text.Json.Serialization;
using Atoll.Models;

namespace Atoll;

/// <summary>The JSON form of `bench models`.</summary>
internal sealed record ModelsReport
{
    public required string Machine { get; init; }

    /// <summary>The engine compared with, its version and settings; null where none was asked for.</summary>
    public required string? Peer { get; init; }

    /// <summary>Multiply-adds of one core from registers, in GFLOP/s.</summary>
    public required double PeakGflops { get; init; }

    public required IReadOnlyList<ModelsRow> Rows { get; init; }

    public required ModelsMeans Geomean { get; init; }
}

/// <summary>
/// Geometric means of peer time / our time: over the models of floats by batch and threads, and over all rows of 8-bit
/// models; null where not measured.
/// </summary>
internal sealed record ModelsMeans
{
    // The naming policy would take these names apart before their digits.
    [JsonPropertyName("b1t1")]
    public required double? B1T1 { get; init; }

    [JsonPropertyName("b1t2")]
    public required double? B1T2 { get; init; }

    [JsonPropertyName("b8t1")]
    public required double? B8T1 { get; init; }

    [JsonPropertyName("b8t2")]
    public required double? B8T2 { get; init; }

    [JsonPropertyName("int8")]
    public required double? Int8 { get; init; }

    public static ModelsMeans Of(IReadOnlyList<ModelsRow> rows) => new()
    {
        B1T1 = Mean(rows, 1, 1),
        B1T2 = Mean(rows, 1, 2),
        B8T1 = Mean(rows, 8, 1),
        B8T2 = Mean(rows, 8, 2),
        Int8 = Mean(rows.Where(IsInt8)),
    };

    private static bool IsInt8(ModelsRow row) => SampleModels.QuantizedNames.Contains(row.Model);

    private static double? Mean(IReadOnlyList<ModelsRow> rows, int batch, int threads) =>
        Mean(rows.Where(r => !IsInt8(r) && r.Batch == batch && r.Threads == threads));

    private static double? Mean(IEnumerable<ModelsRow> rows)
    {
        double[] ratios = [.. rows.Select(r => r.Ratio).OfType<double>()];
        return ratios.Length == 0 ? null : Math.Round(Math.Exp(ratios.Average(Math.Log)), 4);
    }
}

/// <summary>One model at one batch and number of threads: medians of interleaved runs.</summary>
internal sealed record ModelsRow
{
    public required string Model { get; init; }

    public required int Threads { get; init; }

    public required int Batch { get; init; }

    public required double OursMs { get; init; }

    public required double? PeerMs { get; init; }

    /// <summary>Peer time / our time.</summary>
    public required double? Ratio { get; init; }

    public required double Gflops { get; init; }

    public required double PeakShare { get; init; }

    public required double LoadMs { get; init; }

    /// <summary>The same again, in a process that has loaded it before.</summary>
    public required double WarmLoadMs { get; init; }

    public required double? PeerLoadMs { get; init; }

    /// <summary>The first load of a fresh process, on the first number of threads and at the first batch.</summary>
    public required double LoadColdMs { get; init; }

    /// <summary>The same of the peer.</summary>
    public required double? PeerLoadColdMs { get; init; }

    /// <summary>Largest difference of an output value from the peer's, over the largest value of that output.</summary>
    public required double? MaxRelError { get; init; }

    /// <summary>Timed runs of each engine.</summary>
    public required int Runs { get; init; }

    /// <summary>Peer CPU time / our CPU time per run: hardly changes when others use the machine.</summary>
    public required double? CpuRatio { get; init; }

    public required double OursCpuMs { get; init; }

    public required double? PeerCpuMs { get; init; }

    /// <summary>Weights, intermediate results, inputs and outputs.</summary>
    public required double MemoryMb { get; init; }

    /// <summary>Most resident memory of the peer's process so far.</summary>
    public required double? PeerMemoryMb { get; init; }
}
