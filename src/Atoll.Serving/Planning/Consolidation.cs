namespace Atoll.Serving;

/// <summary>Empties the least used devices into the others, as long as one can be emptied.</summary>
internal sealed class Consolidation(SharePlacement placement, DevicePool pool, PlanBuilder builder)
{
    /// <summary>After so many devices that could not be emptied, the fuller ones are not tried.</summary>
    private const int MaxFailures = 24;

    public void Run()
    {
        var failures = 0;
        var emptied = 0;
        foreach (var device in pool.Used.OrderBy(device => device.Utilization).ToList())
        {
            if (device.Shares.Any(share => share.IsPinned) || device.Backups.Count > 0)
            {
                continue;
            }

            if (TryEmpty(device))
            {
                pool.Release(device);
                emptied++;
            }
            else if (++failures == MaxFailures)
            {
                break;
            }
        }

        if (emptied > 0)
        {
            builder.Explain($"devices emptied because their sessions fit others: {emptied}");
        }
    }

    private bool TryEmpty(DeviceState device)
    {
        var others = pool.Used.Where(other => other != device).ToList();
        var room = others.Sum(other => 1 - other.Utilization);
        if (room < device.Utilization)
        {
            return false;
        }

        var before = others.Select(other => other.Shares).ToList();
        foreach (var share in device.Shares.OrderByDescending(share => share.Slot.Utilization))
        {
            if (!placement.TryMove(share.Load, others, device))
            {
                for (var i = 0; i < others.Count; i++)
                {
                    others[i].Restore(before[i]);
                }

                return false;
            }
        }

        return true;
    }
}
