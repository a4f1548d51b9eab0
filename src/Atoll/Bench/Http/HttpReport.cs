namespace Atoll;

/// <summary>What HTTP adds to an inference, and how the server behaves with more clients than it can serve.</summary>
/// <param name="Control">An echo of as many bytes over the loopback, in turn with the requests.</param>
/// <param name="StolenShare">
/// Part of the processors' time that the host gave to others during the requests; null where the system does not tell.
/// </param>
internal sealed record HttpReport(
    string Machine, HttpLatency InProcess, HttpLatency Http, HttpLatency Control, double? StolenShare,
    double AllocatedBytesPerRequest, HttpSaturation Saturation)
{
    public double OverheadP50Us => Http.P50Us - InProcess.P50Us;

    public double OverheadP99Us => Http.P99Us - InProcess.P99Us;

    public double OverheadPartP99Us => Http.PartP99Us - InProcess.PartP99Us;
}

/// <summary>Latencies of requests one after another, in microseconds.</summary>
/// <param name="PartP99Us">
/// The median of the p99 of ten parts of the run: a host that takes the processors away for a while spoils the p99 of
/// all requests, but not of the parts when it did not.
/// </param>
internal sealed record HttpLatency(int Requests, double P50Us, double P99Us, double PartP99Us, double MaxUs)
{
    private const int Parts = 10;

    /// <param name="microseconds">In the order of the requests.</param>
    public static HttpLatency Of(double[] microseconds)
    {
        var parts = microseconds.Chunk(int.Max(1, microseconds.Length / Parts)).Take(Parts)
            .Select(part => Percentiles.Of([.. part.Order()], 0.99));
        double[] sorted = [.. microseconds.Order()];
        return new(
            sorted.Length, Percentiles.Of(sorted, 0.5), Percentiles.Of(sorted, 0.99), Percentiles.Median(parts),
            sorted[^1]);
    }
}

/// <summary>Many connections that send as fast as they are answered.</summary>
/// <param name="Refused">Answers of 503, which say why.</param>
/// <param name="Failed">Every other answer, and connections that broke.</param>
/// <param name="GrowthBytes">Managed memory that is still in use after the run and was not before.</param>
internal sealed record HttpSaturation(
    int Connections, double Seconds, long Completed, long Refused, long Failed, double RequestsPerSecond,
    long GrowthBytes);
