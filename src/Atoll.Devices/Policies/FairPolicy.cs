namespace Atoll.Devices;

/// <summary>
/// Real-time before best-effort; within a class, weighted fair shares: the stream with the least virtual time (unit
/// time received over weight) goes next, so that over time each gets units in proportion to its weight.
/// </summary>
public sealed class FairPolicy : IPolicy
{
    public string Name => "fair";

    public int Select(ReadOnlySpan<StreamView> ready, long now) => StreamOrder.First(ready, default(Order));

    public bool Admits(long deadline, long costTicks, ReadOnlySpan<StreamView> ready, int units, long now) => true;

    private readonly struct Order : IStreamOrder
    {
        public bool Precedes(in StreamView a, in StreamView b) =>
            a.Class != b.Class ? a.Class < b.Class : StreamOrder.IsServedLess(in a, in b);
    }
}
