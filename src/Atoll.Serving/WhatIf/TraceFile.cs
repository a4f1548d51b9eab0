using System.Globalization;

namespace Atoll.Serving;

/// <summary>
/// Arrival times of a text file: one number of seconds per line, ascending; blank lines and lines that begin with # are
/// passed over.
/// </summary>
internal static class TraceFile
{
    private const int TimesMax = 10_000_000;

    /// <exception cref="ServingException">The file cannot be read, or a line is not a later time.</exception>
    public static IReadOnlyList<TimeSpan> Read(string path)
    {
        try
        {
            return Parse(File.ReadLines(path), path);
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            throw new ServingException(
                ServingError.InvalidPlan, $"{path} cannot be read: {exception.Message}", exception);
        }
    }

    internal static List<TimeSpan> Parse(IEnumerable<string> lines, string path)
    {
        var times = new List<TimeSpan>();
        foreach (var (index, line) in lines.Index())
        {
            var text = line.AsSpan().Trim();
            if (text.Length == 0 || text[0] == '#')
            {
                continue;
            }

            if (!double.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out var seconds) ||
                !(seconds >= 0 && seconds < TimeSpan.MaxValue.TotalSeconds) || times.Count == TimesMax ||
                (times.Count > 0 && TimeSpan.FromSeconds(seconds) < times[^1]))
            {
                throw new ServingException(ServingError.InvalidPlan, $"{path}, line {index + 1}: '{text}' is not a " +
                    $"number of seconds at or after the line before it (limit {TimesMax} lines)");
            }

            times.Add(TimeSpan.FromSeconds(seconds));
        }

        return times;
    }
}
