using System.Globalization;
using System.Text;
using Atoll.Devices;

namespace Atoll.Serving;

/// <summary>Writes metrics in Prometheus' text format 0.0.4.</summary>
internal sealed class PrometheusText
{
    public const string ContentType = "text/plain; version=0.0.4; charset=utf-8";

    private static readonly double[] Bounds =
        [1e-6, 2.5e-6, 5e-6, 1e-5, 2.5e-5, 5e-5, 1e-4, 2.5e-4, 5e-4, 1e-3, 2.5e-3, 5e-3,
            0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 60];

    private readonly StringBuilder _text = new(8192);

    public void Describe(string name, string type, string help) =>
        _text.Append(CultureInfo.InvariantCulture, $"# HELP {name} {help}\n# TYPE {name} {type}\n");

    /// <param name="labels">As made by <see cref="Labels"/>; empty for none.</param>
    public void Sample(string name, string labels, double value) =>
        _text.Append(CultureInfo.InvariantCulture, $"{name}{Braced(labels)} {value:R}\n");

    public void Histogram(string name, string labels, LatencyHistogram histogram)
    {
        // Count first: a record made in between may be in a bucket but not in the count, never the other way about.
        var separator = labels.Length == 0 ? "" : ",";
        var count = histogram.Count;
        foreach (var bound in Bounds)
        {
            var below = long.Min(count, histogram.CountUpTo((long)(bound * 1e9)));
            Sample($"{name}_bucket",
                string.Create(CultureInfo.InvariantCulture, $"{labels}{separator}le=\"{bound:R}\""), below);
        }

        Sample($"{name}_bucket", $"{labels}{separator}le=\"+Inf\"", count);
        Sample($"{name}_sum", labels, histogram.MeanNanoseconds * count / 1e9);
        Sample($"{name}_count", labels, count);
    }

    public static string Labels(params ReadOnlySpan<(string Name, string Value)> labels)
    {
        var text = new StringBuilder();
        foreach (var (name, value) in labels)
        {
            text.Append(text.Length == 0 ? "" : ",").Append(name).Append("=\"").Append(Escaped(value)).Append('"');
        }

        return text.ToString();
    }

    public byte[] ToUtf8() => Encoding.UTF8.GetBytes(_text.ToString());

    private static string Braced(string labels) => labels.Length == 0 ? "" : $"{{{labels}}}";

    private static string Escaped(string value) => value
        .Replace("\\", "\\\\", StringComparison.Ordinal)
        .Replace("\"", "\\\"", StringComparison.Ordinal)
        .Replace("\n", "\\n", StringComparison.Ordinal);
}
