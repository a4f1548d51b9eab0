namespace Atoll.Devices;

/// <summary>
/// One launch at a time in order of submission, whatever its class: the launch in progress, else the earliest
/// (REEF's sequential baseline, for <see cref="ShareMode.Sequential"/>).
/// </summary>
public sealed class SequentialPolicy : IPolicy
{
    public string Name => "sequential";

    public int Select(ReadOnlySpan<StreamView> ready, long now) => StreamOrder.First(ready, default(Order));

    public bool Admits(long deadline, long costTicks, ReadOnlySpan<StreamView> ready, int units, long now) => true;

    private readonly struct Order : IStreamOrder
    {
        public bool Precedes(in StreamView a, in StreamView b) =>
            a.InProgress != b.InProgress ? a.InProgress : a.Sequence < b.Sequence;
    }
}
