namespace Atoll.Devices.Conformance;

/// <summary>The largest priority number first: the reverse of every device's default.</summary>
internal sealed class BackwardPolicy : IPolicy
{
    public string Name => "backward";

    public int Select(ReadOnlySpan<StreamView> ready, long now)
    {
        var selected = -1;
        for (var i = 0; i < ready.Length; i++)
        {
            selected = selected < 0 || ready[i].Priority > ready[selected].Priority ? i : selected;
        }

        return selected;
    }

    public bool Admits(long deadline, long costTicks, ReadOnlySpan<StreamView> ready, int units, long now) => true;
}
