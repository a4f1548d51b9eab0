using System.Globalization;

namespace Atoll.Serving;

/// <summary>
/// Decides up to which batch size programs are worth preparing, so that a large `max_batch_size` costs neither minutes
/// nor gigabytes at start: no further than batches that would outlast the objective, take too much of the device's
/// memory, or run no faster for each row. Larger requests run in parts. Told of each size once it has run.
/// </summary>
/// <param name="configuration">Objective and largest batch.</param>
/// <param name="memoryBytes">What the device holds.</param>
internal sealed class BatchPreparation(ModelConfiguration configuration, long memoryBytes)
{
    /// <summary>Sizes up to this are prepared whatever they take.</summary>
    private const int AlwaysPrepared = 8;

    /// <summary>From this size on, a size must be faster for each row than those of half its rows.</summary>
    private const int ComparedFrom = 64;

    /// <summary>A size that needs more than this part of the time for each row is not faster.</summary>
    private const double Faster = 0.95;

    /// <summary>All programs together may take the device's memory divided by this.</summary>
    private const int MemoryShare = 4;

    /// <summary>Runs of a size from <see cref="AlwaysPrepared"/> on; the first one is slower than those that serve.
    /// </summary>
    private const int Runs = 2;

    /// <summary>Longest batch that is prepared without an objective, and with one that is longer than twice this.
    /// </summary>
    private static readonly TimeSpan Patience = TimeSpan.FromMilliseconds(250);

    private readonly List<(int Size, TimeSpan Took)> _ran = [];
    private long _bytes;
    private long _lastBytes;

    /// <summary>Why no larger batches were prepared; null when all were.</summary>
    public string? Limit { get; private set; }

    public static int RunsOf(int size) => size < AlwaysPrepared ? 1 : Runs;

    /// <summary>Whether to prepare the size, the next above what ran last.</summary>
    public bool Goes(int size)
    {
        Limit = size <= AlwaysPrepared || _ran.Count == 0 ? null : WhyNot(size);
        return Limit is null;
    }

    /// <summary>Notes what a size took.</summary>
    /// <param name="size">The batch size.</param>
    /// <param name="took">The shortest of its runs.</param>
    /// <param name="bytes">Device memory of its program, weights left out.</param>
    public void Ran(int size, TimeSpan took, long bytes)
    {
        _ran.Add((size, took));
        (_bytes, _lastBytes) = (_bytes + bytes, bytes);
    }

    private string? WhyNot(int size)
    {
        var (last, took) = _ran[^1];
        var growth = (double)size / last;
        if (_bytes + (growth * _lastBytes) > memoryBytes / MemoryShare)
        {
            return string.Create(
                CultureInfo.InvariantCulture,
                $"programs for {size} rows would take {Mebibytes(growth * _lastBytes)} MiB beside " +
                $"{Mebibytes(_bytes)} MiB of the smaller ones, and a quarter of device.memory is " +
                $"{Mebibytes(memoryBytes / MemoryShare)} MiB");
        }

        var objective = TimeSpan.FromMilliseconds(configuration.ObjectiveMs);
        var longest = objective > TimeSpan.Zero && objective < 2 * Patience ? objective
            : objective > TimeSpan.Zero ? 2 * Patience : Patience;
        if (growth * took > longest)
        {
            return string.Create(
                CultureInfo.InvariantCulture,
                $"{size} rows would run for about {(growth * took).TotalMilliseconds:0} ms, and batches are " +
                $"to take no more than {longest.TotalMilliseconds:0.###} ms");
        }

        return last >= ComparedFrom && !IsFaster(last, took)
            ? string.Create(CultureInfo.InvariantCulture, $"{last} rows run no faster for each row than fewer")
            : null;
    }

    private bool IsFaster(int size, TimeSpan took)
    {
        var before = _ran.Where(ran => ran.Size <= size / 2).Select(ran => ran.Took / ran.Size).Min();
        return took / size <= Faster * before;
    }

    private static string Mebibytes(double bytes) => (bytes / (1 << 20)).ToString("0.#", CultureInfo.InvariantCulture);
}
