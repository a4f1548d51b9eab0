namespace Atoll.Devices;

/// <summary>
/// Weighted fair shares whatever the class: how streams share a device that knows no classes
/// (REEF's multi-stream baseline). With equal weights this is round-robin.
/// </summary>
public sealed class MultiStreamPolicy : IPolicy
{
    public string Name => "multi-stream";

    public int Select(ReadOnlySpan<StreamView> ready, long now) => StreamOrder.First(ready, default(Order));

    public bool Admits(long deadline, long costTicks, ReadOnlySpan<StreamView> ready, int units, long now) => true;

    private readonly struct Order : IStreamOrder
    {
        public bool Precedes(in StreamView a, in StreamView b) => StreamOrder.IsServedLess(in a, in b);
    }
}
