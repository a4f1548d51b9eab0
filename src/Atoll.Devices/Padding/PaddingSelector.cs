namespace Atoll.Devices;

/// <summary>
/// Dynamic kernel padding (REEF, OSDI'22): which best-effort blocks may fill the compute units that a real-time
/// kernel leaves idle. Rule 1: a padding kernel must not lower the occupancy that the real-time kernel needs. Rule 2:
/// one of its passes must be no longer than the real-time kernel, except where running blocks stop at a yield
/// point. Pure, thread-safe, allocation-free.
/// </summary>
public sealed class PaddingSelector
{
    private readonly PaddingTraits _traits;
    private readonly PaddingRule _rule;

    public PaddingSelector(PaddingTraits traits, PaddingRule rule = PaddingRule.BestFit)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(traits.Units, 1);
        ArgumentOutOfRangeException.ThrowIfLessThan(traits.MaxOccupancy, 1);
        _traits = traits;
        _rule = rule;
    }

    /// <summary>Fewest units that run a grid in as few passes as all units would: ceil(b / ceil(b / units)).</summary>
    public static int UnitsFor(int blocks, int units) => CeilDivide(blocks, CeilDivide(blocks, units));

    /// <summary>
    /// Plans one real-time kernel. Writes at most one grant per front, and no more than <paramref name="grants"/>
    /// holds.
    /// </summary>
    /// <param name="realTime">The kernel; to plan again while it runs, give the time that it has left.</param>
    /// <param name="fronts">What best-effort streams offer.</param>
    /// <param name="grants">Receives the grants.</param>
    /// <param name="idle">Units that are free now, if fewer than the real-time kernel leaves.</param>
    public PaddingPlan Select(in PaddedKernel realTime, ReadOnlySpan<PaddingFront> fronts, Span<PaddingGrant> grants,
        int idle = int.MaxValue)
    {
        var realTimeUnits = UnitsFor(realTime.Blocks, _traits.Units);
        var free = Math.Min(_traits.Units - realTimeUnits, idle);
        var count = 0;
        while (free > 0 && count < grants.Length)
        {
            var best = Choose(in realTime, fronts, grants[..count], free);
            if (best.Blocks == 0)
            {
                break;
            }

            grants[count++] = best;
            free -= best.Units;
            if (_rule == PaddingRule.FirstFit)
            {
                break;
            }
        }

        return new PaddingPlan(realTimeUnits, count);
    }

    private PaddingGrant Choose(
        in PaddedKernel realTime, ReadOnlySpan<PaddingFront> fronts, ReadOnlySpan<PaddingGrant> taken, int free)
    {
        var (best, bestWorth) = (default(PaddingGrant), 0.0);
        for (var i = 0; i < fronts.Length; i++)
        {
            if (IsTaken(taken, i))
            {
                continue;
            }

            var grant = Fit(in realTime, fronts[i], i, free);
            if (grant.Blocks == 0)
            {
                continue;
            }

            if (_rule == PaddingRule.FirstFit)
            {
                return grant;
            }

            if (Worth(in realTime, in grant, fronts[i].Profile) is var worth && worth > bestWorth)
            {
                (best, bestWorth) = (grant, worth);
            }
        }

        return best;
    }

    /// <summary>The most blocks of this front that fit, on the fewest units.</summary>
    private PaddingGrant Fit(in PaddedKernel realTime, in PaddingFront front, int index, int free)
    {
        var ownMost = Math.Min(realTime.MaxOccupancy, _traits.MaxOccupancy);
        var needed = Math.Min(CeilDivide(realTime.Blocks, _traits.Units), ownMost);
        var most = Math.Min(front.Profile.MaxOccupancy, ownMost);
        var best = default(PaddingGrant);
        if (front.BlocksLeft < 1 || most < needed)
        {
            return best;
        }

        for (var occupancy = most; occupancy >= 1; occupancy--)
        {
            var passes = PassesWithin(realTime.ExpectedMicroseconds, front.Profile.PassMicroseconds(occupancy));
            if (passes == 0)
            {
                continue;
            }

            var perUnit = (long)occupancy * passes;
            var blocks = (int)Math.Min(free * perUnit, front.BlocksLeft);
            var units = (int)((blocks + perUnit - 1) / perUnit);
            if (blocks > best.Blocks || (blocks == best.Blocks && units < best.Units))
            {
                best = new PaddingGrant(index, blocks, occupancy, units);
            }

            if (_rule == PaddingRule.FirstFit)
            {
                break;
            }
        }

        return best;
    }

    /// <summary>Passes that may start within the real-time kernel's time; 0 = rule 2 forbids even one.</summary>
    private int PassesWithin(double expected, double pass)
    {
        if (_traits.StopsAtYieldPoint)
        {
            // Unknown times cannot hurt here, and running the kernel is how its time becomes known.
            return pass <= 0 ? Kernel.MaxBlocks : expected <= 0 ? 1
                : (int)Math.Min(Math.Ceiling(expected / pass), Kernel.MaxBlocks);
        }

        return pass <= 0 || pass > expected ? 0 : (int)Math.Min(expected / pass, Kernel.MaxBlocks);
    }

    // What a grant is worth: the unit time that its blocks would cost where they run best. Crowding a unit for its own
    // sake gains nothing then. A kernel of unknown cost counts as filling its units, so that it gets measured.
    private static double Worth(in PaddedKernel realTime, in PaddingGrant grant, KernelProfile profile) =>
        profile.BlockCostMicroseconds is > 0 and var cost
            ? grant.Blocks * cost
            : grant.Units * Math.Max(realTime.ExpectedMicroseconds, 1);

    private static bool IsTaken(ReadOnlySpan<PaddingGrant> taken, int front)
    {
        foreach (ref readonly var grant in taken)
        {
            if (grant.Front == front)
            {
                return true;
            }
        }

        return false;
    }

    private static int CeilDivide(int value, int by) => (int)(((long)value + by - 1) / by);
}
