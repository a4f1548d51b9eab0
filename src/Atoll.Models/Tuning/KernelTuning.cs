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
        Read();
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

    /// <summary>Notes a measurement, unless the shape has one or too many are kept.</summary>
    internal void Note(string shape, double directUs, double winogradUs)
    {
        lock (_lock)
        {
            _isDirty |= _entries.Count < EntriesMax && _entries.TryAdd(shape, (directUs, winogradUs));
        }
    }

    /// <summary>Writes the file anew if something was measured: under another name first, so none is half.</summary>
    internal void Save()
    {
        lock (_lock)
        {
            if (!_isDirty || _path is null)
            {
                return;
            }

            _isDirty = false;
            var unfinished = $"{_path}.{Environment.ProcessId}.unfinished";
            try
            {
                Directory.CreateDirectory(Path.GetDirectoryName(Path.GetFullPath(_path))!);
                File.WriteAllText(unfinished, Text_NeedsLock());
                File.Move(unfinished, _path, overwrite: true);
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

    private void Read()
    {
        if (_path is null || !File.Exists(_path))
        {
            return;
        }

        try
        {
            if (new FileInfo(_path).Length > FileBytesMax)
            {
                throw new FormatException($"it has more than {FileBytesMax} bytes");
            }

            var lines = File.ReadAllLines(_path);
            if (lines is not [var header, ..] || header != _header)
            {
                // Of another processor or version: measured anew.
                return;
            }

            foreach (var line in lines.Skip(1).Take(EntriesMax))
            {
                var (shape, times) = Parse(line);
                _entries[shape] = times;
            }
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or FormatException)
        {
            _entries.Clear();
            _report($"the kernel choices in '{_path}' are ignored: {e.Message}");
        }
    }

    private static (string Shape, (double DirectUs, double WinogradUs) Times) Parse(string line) =>
        line.Split('\t') is [{ Length: > 0 } shape, var direct, var winograd] &&
        double.TryParse(direct, CultureInfo.InvariantCulture, out var directUs) && directUs > 0 &&
        double.TryParse(winograd, CultureInfo.InvariantCulture, out var winogradUs) && winogradUs > 0
            ? (shape, (directUs, winogradUs))
            : throw new FormatException($"'{line}' is no shape with two times");
}
