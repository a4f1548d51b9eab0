namespace Atoll.Devices;

/// <summary>
/// Real-time before best-effort; within a class the earliest deadline goes first, launches without one last and in
/// order of virtual time. Admission: all work with an earlier or equal deadline, together with the new launch, must
/// fit before its deadline when spread over all units; work without a deadline yields and is not counted.
/// </summary>
public sealed class EarliestDeadlinePolicy : IPolicy
{
    public string Name => "edf";

    public int Select(ReadOnlySpan<StreamView> ready, long now) => StreamOrder.First(ready, default(Order));

    public bool Admits(long deadline, long costTicks, ReadOnlySpan<StreamView> ready, int units, long now)
    {
        if (deadline == 0)
        {
            return true;
        }

        if (deadline <= now)
        {
            return false;
        }

        Int128 needed = costTicks;
        foreach (ref readonly var view in ready)
        {
            if (view.Deadline != 0 && view.Deadline <= deadline)
            {
                needed += view.RemainingTicks;
            }
        }

        return needed <= (Int128)units * (deadline - now);
    }

    private readonly struct Order : IStreamOrder
    {
        public bool Precedes(in StreamView a, in StreamView b) =>
            a.Class != b.Class ? a.Class < b.Class
            : a.Deadline != b.Deadline ? Due(a.Deadline) < Due(b.Deadline)
            : StreamOrder.IsServedLess(in a, in b);

        // No deadline (0) becomes the largest value.
        private static ulong Due(long deadline) => unchecked((ulong)deadline - 1);
    }
}
