namespace Atoll.Models;

/// <summary>
/// Proves a plan by replaying it byte by byte, knowing nothing of how it was made: every read finds the bytes that its
/// own storage wrote last, and no step writes what it reads. Slow; for tests and for a compile option.
/// </summary>
internal static class ArenaPlanChecker
{
    /// <summary>Null, or the first fault in words.</summary>
    public static string? FindFault(IReadOnlyList<LoweredStep> steps, ArenaPlan plan)
    {
        // Who wrote each arena line last; a line is the unit because storages are line-aligned.
        var owner = new Storage?[plan.Bytes / ArenaPlan.AlignmentBytes];
        foreach (var step in steps)
        {
            foreach (var write in step.Writes)
            {
                foreach (var read in step.Reads)
                {
                    if (Meet(write, read, plan))
                    {
                        return $"{step} overwrites its input: {write} and {read}";
                    }
                }
            }

            foreach (var read in step.Reads.Where(r => r.Storage.Kind == StorageKind.Arena && r.ElementCount > 0))
            {
                if (Lines(read, plan).Any(line => owner[line] != read.Storage))
                {
                    return $"{step} reads {read}, which was overwritten or never written";
                }
            }

            foreach (var write in step.Writes.Where(w => w.Storage.Kind == StorageKind.Arena && w.ElementCount > 0))
            {
                if (plan.Offsets[write.Storage] + write.EndByte > plan.Bytes)
                {
                    return $"{step} writes {write} past the arena's {plan.Bytes} bytes";
                }

                foreach (var line in Lines(write, plan))
                {
                    owner[line] = write.Storage;
                }
            }
        }

        return null;
    }

    private static bool Meet(TensorView a, TensorView b, ArenaPlan plan)
    {
        if (a.Storage.Kind != StorageKind.Arena || b.Storage.Kind != StorageKind.Arena)
        {
            return a.Overlaps(b);
        }

        var (baseA, baseB) = (plan.Offsets[a.Storage], plan.Offsets[b.Storage]);
        return baseA + a.FirstByte < baseB + b.EndByte && baseB + b.FirstByte < baseA + a.EndByte;
    }

    private static IEnumerable<long> Lines(TensorView view, ArenaPlan plan)
    {
        var start = plan.Offsets[view.Storage];
        for (var line = (start + view.FirstByte) / ArenaPlan.AlignmentBytes;
            line <= (start + view.EndByte - 1) / ArenaPlan.AlignmentBytes; line++)
        {
            yield return line;
        }
    }
}
