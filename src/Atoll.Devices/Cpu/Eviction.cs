namespace Atoll.Devices;

/// <summary>
/// Clears the way for real-time work that finds best-effort work on the device: what the share mode asks for beyond
/// taking units at their yield points.
/// </summary>
internal sealed class Eviction(CpuDevice device, ComputeUnit[] units)
{
    /// <summary>Called by the first unit that turns to real-time work, for all of them.</summary>
    public void ClearTheWay(ComputeUnit unit)
    {
        long held = 0;
        var isBusy = false;
        foreach (var stream in device.Streams)
        {
            if (stream.Class == WorkClass.BestEffort && stream.IsActive)
            {
                isBusy = true;
                held += stream.QueuedKernels;
            }
        }

        if (!isBusy)
        {
            return;
        }

        Interlocked.Increment(ref device.Statistics.PreemptionCount);
        if (device.Mode is ShareMode.Wait or ShareMode.ResetLeave)
        {
            EvictAll(unit);
        }

        Interlocked.Add(ref device.Statistics.DroppedCount, held);
    }

    private void EvictAll(ComputeUnit unit)
    {
        var isWait = device.Mode == ShareMode.Wait;
        foreach (var other in units)
        {
            while (isWait && !ReferenceEquals(other, unit) && other.IsInBestEffortBlock)
            {
                Thread.SpinWait(1);
            }
        }

        foreach (var stream in device.Streams)
        {
            if (stream.Class == WorkClass.BestEffort)
            {
                Interlocked.Add(ref device.Statistics.EvictedCount, stream.Evict(fetchEach: isWait));
            }
        }
    }
}
