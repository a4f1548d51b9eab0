namespace Atoll;

/// <summary>What HTTP adds to an inference, and how the server behaves with more clients than it can serve.</summary>
/// <param name="Control">An echo of as many bytes over the loopback, in turn with the requests.</param>
internal sealed record HttpReport(
    string Machine, HttpLatency InProcess, HttpLatency Http, HttpLatency Control, double OverheadP50Us,
    double OverheadP99Us, double AllocatedBytesPerRequest, HttpSaturation Saturation);

/// <summary>Latencies of requests one after another, in microseconds.</summary>
internal sealed record HttpLatency(int Requests, double P50Us, double P99Us, double MaxUs)
{
    public static HttpLatency Of(double[] microseconds)
    {
        Array.Sort(microseconds);
        return new(
            microseconds.Length, Percentiles.Of(microseconds, 0.5), Percentiles.Of(microseconds, 0.99),
            microseconds[^1]);
    }
}

/// <summary>Many connections that send as fast as they are answered.</summary>
/// <param name="Refused">Answers of 503, which say why.</param>
/// <param name="Failed">Every other answer, and connections that broke.</param>
/// <param name="GrowthBytes">Managed memory that is still in use after the run and was not before.</param>
internal sealed record HttpSaturation(
    int Connections, double Seconds, long Completed, long Refused, long Failed, double RequestsPerSecond,
    long GrowthBytes);
