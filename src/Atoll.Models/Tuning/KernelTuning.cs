using System.Globalization;
using System.Text;
using Atoll.Kernels;

namespace Atoll.Models;

/// <summary>
/// What was measured on this machine about kernels that compute the same in different forms, by shape. Kept in a small
/// file, so that each shape is measured once; a file of another processor or version, or one that cannot be read, is
/// taken for empty. Thread-safe; within one process a shape keeps its first answer.
/// </summary>
/// <remarks>
/// Forms round differently within the stated tolerance, so two machines, or two processes without the file, may give
/// results that differ in the last bits.
/// </remarks>
public sealed class KernelTuning
{
    /// <summary>Shapes that are kept; more are not measured.</summary>
    public const int EntriesMax = 4096;

    /// <summary>What the slower form must take of the faster one's time for a measurement to count.</summary>
    internal const double ClearRatio = 1.1;

    private const string Format = "atoll tuning 1";
    private const int FileBytesMax = 1 << 20;

    private readonly Lock _lock = new();
    private readonly Dictionary<string, (double DirectUs, double WinogradUs)> _entries = [];
    private readonly string? _path;
    private readonly string _header;
    private readonly Action<string> _report;
    private bool _isDirty;

    /// <param name="path">The file; null keeps what is measured for this process only.</param>
    /// <param name="machine">What times depend on beside the shape: processor and version of this code.</param>
    /// <param name="clock">Measures.</param>
    /// <param name="report">Gets a sentence when the file cannot be used.</param>
    public KernelTuning(string? path, string machine, TimeProvider clock, Action<string> report)
    {
        ArgumentNullException.ThrowIfNull(machine);
        (_path, Clock, _report) = (path, clock, report);
        _header = $"{Format}; {machine.ReplaceLineEndings(" ")}; {SimdSupport.Best}";
        Load();
    }

    /// <summary>Time that a model may spend on measuring; 0 measures nothing. Default 50 ms.</summary>
    public TimeSpan Budget { get; init; } = TimeSpan.FromMilliseconds(50);

    /// <summary>Shapes that were measured, now or before.</summary>
    public int Count
    {
        get
        {
            lock (_lock)
            {
                return _entries.Count;
            }
        }
    }

    internal TimeProvider Clock { get; }

    /// <summary>Whether Winograd's form was the faster one; null where the shape was not measured.</summary>
    internal bool? PrefersWinograd(string shape)
    {
        lock (_lock)
        {
            return _entries.TryGetValue(shape, out var known) ? known.WinogradUs < known.DirectUs : null;
        }
    }

    /// <summary>Notes a measurement, unless it is unclear, the shape has one or too many are kept.</summary>
    internal void Note(string shape, double directUs, double winogradUs)
    {
        if (Math.Max(directUs, winogradUs) < ClearRatio * Math.Min(directUs, winogradUs))
        {
            // Whatever else ran meanwhile may have decided, and the choice would be kept for ever.
            return;
        }

        lock (_lock)
        {
            _isDirty |= _entries.Count < EntriesMax && _entries.TryAdd(shape, (directUs, winogradUs));
        }
    }

    /// <summary>
    /// Writes the file anew if something was measured, with what other processes have added meanwhile.
    /// </summary>
    internal void Save()
    {
        lock (_lock)
        {
            if (!_isDirty || _path is null)
            {
                return;
            }

            _isDirty = false;
            try
            {
                Directory.CreateDirectory(Path.GetDirectoryName(Path.GetFullPath(_path))!);
                Merge_NeedsLock(_path);
                Write(_path, Text_NeedsLock());
            }
            catch (Exception e) when (e is IOException or UnauthorizedAccessException)
            {
                _report($"kernel choices are not kept: {e.Message}");
            }
        }
    }

    private string Text_NeedsLock()
    {
        var text = new StringBuilder(_header).Append('\n');
        var sorted = _entries.OrderBy(entry => entry.Key, StringComparer.Ordinal);
        foreach (var (shape, (direct, winograd)) in sorted)
        {
            text.Append(CultureInfo.InvariantCulture, $"{shape}\t{direct:F1}\t{winograd:F1}\n");
        }

        return text.ToString();
    }

    private void Load()
    {
        if (_path is null)
        {
            return;
        }

        try
        {
            Add_NeedsLock(Read(_path));
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or FormatException)
        {
            _report($"the kernel choices in '{_path}' are ignored: {e.Message}");
        }
    }

    /// <summary>Takes up what another process has written since; what was measured here stays.</summary>
    private void Merge_NeedsLock(string path)
    {
        try
        {
            Add_NeedsLock(Read(path));
        }
        catch (FormatException)
        {
            // Broken: it gives way.
        }
    }

    private void Add_NeedsLock(List<(string Shape, (double DirectUs, double WinogradUs) Times)> read)
    {
        foreach (var (shape, times) in read)
        {
            if (_entries.Count < EntriesMax)
            {
                _entries.TryAdd(shape, times);
            }
        }
    }

    /// <summary>Under another name first, so that no reader finds half a file.</summary>
    private static void Write(string path, string text)
    {
        var unfinished = $"{path}.{Environment.ProcessId}.unfinished";

        // A process of the same number may have been stopped here before; a link goes, not what it points to.
        File.Delete(unfinished);
        var created = new FileStream(unfinished, FileMode.CreateNew, FileAccess.Write);
        try
        {
            using (created)
            {
                created.Write(Encoding.UTF8.GetBytes(text));
            }

            File.Move(unfinished, path, overwrite: true);
        }
        catch
        {
            File.Delete(unfinished);
            throw;
        }
    }

    /// <exception cref="FormatException">The file is broken.</exception>
    /// <exception cref="IOException">It cannot be read, or is a link.</exception>
    private List<(string Shape, (double DirectUs, double WinogradUs) Times)> Read(string path)
    {
        var file = new FileInfo(path);
        if (file.LinkTarget is not null)
        {
            throw new IOException($"'{path}' is a symbolic link");
        }

        if (!file.Exists)
        {
            return [];
        }

        if (file.Length > FileBytesMax)
        {
            throw new FormatException($"it has more than {FileBytesMax} bytes");
        }

        var lines = File.ReadAllLines(path);

        // Of another processor or version: measured anew.
        return lines is [var header, ..] && header == _header
            ? [.. lines.Skip(1).Take(EntriesMax).Select(Parse)]
            : [];
    }

    private static (string Shape, (double DirectUs, double WinogradUs) Times) Parse(string line) =>
        line.Split('\t') is [{ Length: > 0 } shape, var direct, var winograd] &&
        double.TryParse(direct, CultureInfo.InvariantCulture, out var directUs) && directUs > 0 &&
        double.TryParse(winograd, CultureInfo.InvariantCulture, out var winogradUs) && winogradUs > 0
            ? (shape, (directUs, winogradUs))
            : throw new FormatException($"'{line}' is no shape with two times");
}
