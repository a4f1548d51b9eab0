namespace Atoll.Devices;

/// <summary>
/// REEF's order with aging: real-time before best-effort, then the smaller priority number, then least virtual time. A
/// best-effort stream that has waited for <see cref="AgingLimit"/> goes before all others for one turn, the
/// longest wait first, so that it cannot starve; real-time work loses at most one turn per such stream and limit.
/// </summary>
public sealed class PriorityPolicy : IPolicy
{
    private readonly long _agingTicks;

    /// <param name="clock">The device's clock, whose ticks the views carry.</param>
    /// <param name="agingLimit">Default 1 s; <see cref="Timeout.InfiniteTimeSpan"/> turns aging off.</param>
    public PriorityPolicy(TimeProvider clock, TimeSpan? agingLimit = null)
    {
        ArgumentNullException.ThrowIfNull(clock);
        AgingLimit = agingLimit ?? DefaultAgingLimit;
        var isOff = AgingLimit == Timeout.InfiniteTimeSpan;
        ArgumentOutOfRangeException.ThrowIfLessThan(isOff ? TimeSpan.Zero : AgingLimit, TimeSpan.Zero,
            nameof(agingLimit));
        _agingTicks = isOff ? long.MaxValue : (long)(AgingLimit.TotalSeconds * clock.TimestampFrequency);
    }

    public static TimeSpan DefaultAgingLimit => TimeSpan.FromSeconds(1);

    public TimeSpan AgingLimit { get; }

    public string Name => "priority";

    public int Select(ReadOnlySpan<StreamView> ready, long now) =>
        StreamOrder.First(ready, new Order(now, _agingTicks));

    public bool Admits(long deadline, long costTicks, ReadOnlySpan<StreamView> ready, int units, long now) => true;

    private readonly struct Order(long now, long agingTicks) : IStreamOrder
    {
        public bool Precedes(in StreamView a, in StreamView b)
        {
            var agedA = IsAged(in a);
            if (agedA != IsAged(in b))
            {
                return agedA;
            }

            if (agedA && a.WaitingSince != b.WaitingSince)
            {
                return a.WaitingSince < b.WaitingSince;
            }

            return a.Class != b.Class ? a.Class < b.Class
                : a.Priority != b.Priority ? a.Priority < b.Priority
                : StreamOrder.IsServedLess(in a, in b);
        }

        private bool IsAged(in StreamView view) =>
            view.Class == WorkClass.BestEffort && now - view.WaitingSince >= agingTicks;
    }
}
