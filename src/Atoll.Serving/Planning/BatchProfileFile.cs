using System.Globalization;
using System.Text;

namespace Atoll.Serving;

/// <summary>
/// The text form of a profile, readable by people and other tools: model, device, "Forward latency", the header
/// `batch,latency(us),std(us),memory(B)` with one row per batch, then mean and deviation of the host's work before and
/// after (sections "Preprocess latency" and "Postprocess latency", both optional).
/// </summary>
public static class BatchProfileFile
{
    /// <summary>No profile is larger; a larger file is refused before it is read.</summary>
    public const int MaxBytes = 8 << 20;

    private const string Forward = "Forward latency";
    private const string Header = "batch,latency(us),std(us),memory(B)";
    private const string HostHeader = "mean(us),std(us)";
    private const string Before = "Preprocess latency";
    private const string After = "Postprocess latency";

    /// <summary>Reads a profile; margin and "points only" come from the options, the rest from the file.</summary>
    /// <exception cref="ServingException">The file is missing, too large or not a profile; the message names the line.
    /// </exception>
    public static BatchProfile Read(string path, ProfileOptions? options = null)
    {
        try
        {
            if (new FileInfo(path) is { Exists: true, Length: > MaxBytes } file)
            {
                throw Bad(path, $"has {file.Length} bytes (limit {MaxBytes})");
            }

            return Parse(File.ReadAllLines(path), path, options);
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            throw new ServingException(
                ServingError.InvalidPlan, $"profile {path} cannot be read: {exception.Message}", exception);
        }
    }

    /// <summary>Reads a profile from its lines; <paramref name="name"/> stands for the file in messages.</summary>
    public static BatchProfile Parse(IReadOnlyList<string> lines, string name, ProfileOptions? options = null)
    {
        ArgumentNullException.ThrowIfNull(lines);
        var start = lines.Index().FirstOrDefault(line => line.Item.Trim() == Forward, (Index: -1, Item: "")).Index;
        if (start < 2)
        {
            throw Bad(name, $"has no line '{Forward}' after model and device");
        }

        var points = new List<ProfilePoint>();
        var next = start + 2;
        for (; next < lines.Count && lines[next].Contains(','); next++)
        {
            points.Add(Point(lines[next], name, next + 1));
        }

        try
        {
            return new BatchProfile(lines[0].Trim(), lines[1].Trim(), points, (options ?? ProfileOptions.Default) with
            {
                Preprocessing = Host(lines, Before, name),
                Postprocessing = Host(lines, After, name),
            });
        }
        catch (ArgumentException exception)
        {
            throw new ServingException(ServingError.InvalidPlan, $"profile {name}: {exception.Message}", exception);
        }
    }

    /// <summary>Writes the measured points as they are, without margin.</summary>
    public static void Write(BatchProfile profile, TextWriter output)
    {
        ArgumentNullException.ThrowIfNull(profile);
        ArgumentNullException.ThrowIfNull(output);
        var text = new StringBuilder()
            .AppendJoin('\n', profile.Model, profile.Device, Forward, Header).Append('\n');
        foreach (var point in profile.Points)
        {
            text.Append(CultureInfo.InvariantCulture, $"{point.Batch},{Micros(point.Mean)},").Append(
                CultureInfo.InvariantCulture, $"{Micros(point.Deviation)},{point.MemoryBytes}\n");
        }

        AppendHost(text, Before, profile.Options.Preprocessing);
        AppendHost(text, After, profile.Options.Postprocessing);
        output.Write(text);
    }

    private static void AppendHost(StringBuilder text, string title, TimeSpan time)
    {
        text.AppendJoin('\n', title, HostHeader).Append('\n');
        text.Append(CultureInfo.InvariantCulture, $"{Micros(time)},0\n");
    }

    private static double Micros(TimeSpan time) => time.Ticks / (double)TimeSpan.TicksPerMicrosecond;

    private static ProfilePoint Point(string line, string name, int number)
    {
        var cells = line.Split(',');
        if (cells.Length < 4 || !int.TryParse(cells[0], CultureInfo.InvariantCulture, out var batch))
        {
            throw Bad(name, $"line {number}: '{line}' is not '{Header}'");
        }

        return new ProfilePoint(
            batch, Time(cells[1], name, number), Time(cells[2], name, number),
            (long)Number(cells[3], name, number));
    }

    private static TimeSpan Host(IReadOnlyList<string> lines, string title, string name)
    {
        for (var i = 0; i + 2 < lines.Count; i++)
        {
            if (lines[i].Trim() == title)
            {
                var cells = lines[i + 2].Split(',');
                return cells.Length < 2
                    ? throw Bad(name, $"line {i + 3}: '{lines[i + 2]}' is not '{HostHeader}'")
                    : Time(cells[0], name, i + 3) + Time(cells[1], name, i + 3);
            }
        }

        return TimeSpan.Zero;
    }

    private static TimeSpan Time(string cell, string name, int number) =>
        Durations.FromMicroseconds(Number(cell, name, number));

    private static double Number(string cell, string name, int number) =>
        double.TryParse(cell, NumberStyles.Float, CultureInfo.InvariantCulture, out var value) &&
            value is >= 0 and < 1e15
            ? value
            : throw Bad(name, $"line {number}: '{cell}' is not a number from 0 to 1e15");

    private static ServingException Bad(string name, string what) =>
        new(ServingError.InvalidPlan, $"profile {name} {what}");
}
