using System.Globalization;

namespace Atoll.Serving;

/// <summary>Numbers in explanations: short and independent of the machine's language.</summary>
internal static class PlanText
{
    public static string Rate(double rate) => string.Create(CultureInfo.InvariantCulture, $"{rate:0.##} requests/s");

    public static string Ms(double milliseconds) =>
        string.Create(CultureInfo.InvariantCulture, $"{milliseconds:0.##} ms");

    public static string Part(double part) => string.Create(CultureInfo.InvariantCulture, $"{part:0.000}");

    public static string Megabytes(long bytes) =>
        string.Create(CultureInfo.InvariantCulture, $"{bytes / 1048576.0:0.#} MiB");
}
