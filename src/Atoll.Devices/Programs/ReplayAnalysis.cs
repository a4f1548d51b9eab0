namespace Atoll.Devices;

/// <summary>What running a block of a kernel twice would do.</summary>
public enum KernelEffect
{
    /// <summary>The same result: the block may be left at any yield point and repeated.</summary>
    Idempotent,

    /// <summary>It overwrites what it reads: a started block must finish.</summary>
    InPlace,

    /// <summary>It adds to what is there: a started block must finish.</summary>
    Accumulating,
}

/// <summary>
/// Replay safety of a kernel sequence (facts: REEF 2.4). Rolling back over a window of w kernels is unsafe where a
/// later kernel of the window overwrites what an earlier one reads. Atoll restarts at the exact first unfinished
/// block, so only the effect of the kernel itself matters to it; the windows tell what REEF's own rule would risk.
/// </summary>
public sealed class ReplayAnalysis
{
    private readonly Kernel[] _kernels;

    private ReplayAnalysis(Kernel[] kernels)
    {
        _kernels = kernels;
        Effects = [.. kernels.Select(EffectOf)];
    }

    /// <summary>One entry per kernel, in launch order.</summary>
    public IReadOnlyList<KernelEffect> Effects { get; }

    public bool AllIdempotent => Effects.All(e => e == KernelEffect.Idempotent);

    public static ReplayAnalysis Of(IReadOnlyList<Kernel> kernels) => new([.. kernels]);

    public static KernelEffect EffectOf(Kernel kernel)
    {
        if (kernel.Accesses.Any(a => a.Kind == AccessKind.Accumulate))
        {
            return KernelEffect.Accumulating;
        }

        var reads = kernel.Accesses.Where(a => a.Kind.HasFlag(AccessKind.Read)).ToArray();
        var overwritesInput =
            kernel.Accesses.Any(w => w.Kind.HasFlag(AccessKind.Write) && reads.Any(r => r.Overlaps(w)));
        return overwritesInput ? KernelEffect.InPlace : KernelEffect.Idempotent;
    }

    /// <summary>
    /// Start positions of the windows of <paramref name="length"/> kernels that cannot be replayed from their start:
    /// some kernel of the window writes what an earlier one, or itself, reads.
    /// </summary>
    public IReadOnlyList<int> UnsafeWindows(int length)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(length, 1);
        return [.. Enumerable.Range(0, Math.Max(0, _kernels.Length - length + 1)).Where(s => !IsReplaySafe(s, length))];
    }

    private bool IsReplaySafe(int start, int length)
    {
        for (var writer = start; writer < start + length; writer++)
        {
            for (var reader = start; reader <= writer; reader++)
            {
                if (Conflicts(_kernels[writer], _kernels[reader]))
                {
                    return false;
                }
            }
        }

        return true;
    }

    private static bool Conflicts(Kernel writer, Kernel reader) =>
        writer.Accesses.Any(w => w.Kind.HasFlag(AccessKind.Write) &&
            reader.Accesses.Any(r => r.Kind.HasFlag(AccessKind.Read) && r.Overlaps(w)));
}
