namespace Atoll.Devices;

/// <summary>How submitters reach units that sleep or have lost their CPU.</summary>
internal sealed class UnitCalls(CpuDevice device, ComputeUnit[] units)
{
    private readonly long _answerTicks = device.TicksOf(TimeSpan.FromMicroseconds(3));

    public void WakeAll()
    {
        foreach (var unit in units)
        {
            unit.TryWake();
        }
    }

    public void WakeOne()
    {
        foreach (var unit in units)
        {
            if (unit.TryWake())
            {
                return;
            }
        }
    }

    /// <summary>
    /// A unit that computes answers within a microsecond or two. One that does not has lost its CPU to another process,
    /// since best-effort work ranks last there: raise it over them.
    /// </summary>
    public void BoostDisplaced(Launch launch)
    {
        var until = device.Now + _answerTicks;
        while (!AllServe() && device.Now < until)
        {
            if (launch.IsEnded)
            {
                return;
            }
        }

        foreach (var unit in units)
        {
            if (!unit.IsServing)
            {
                unit.Boost();
            }
        }
    }

    private bool AllServe()
    {
        foreach (var unit in units)
        {
            if (!unit.IsServing)
            {
                return false;
            }
        }

        return true;
    }
}
