using System.Runtime.CompilerServices;

namespace Atoll.Devices;

/// <summary>
/// A strict order of ready streams; a struct parameter, so that each policy compiles to one tight loop.
/// </summary>
internal interface IStreamOrder
{
    /// <summary>Whether <paramref name="a"/> goes before <paramref name="b"/>; false for equals.</summary>
    bool Precedes(in StreamView a, in StreamView b);
}

/// <summary>Picks the first of a span of streams under an order; among equals the lowest index.</summary>
internal static class StreamOrder
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static int First<TOrder>(ReadOnlySpan<StreamView> ready, TOrder order) where TOrder : struct, IStreamOrder
    {
        var best = ready.Length - 1;
        for (var i = best - 1; i >= 0; i--)
        {
            if (!order.Precedes(in ready[best], in ready[i]))
            {
                best = i;
            }
        }

        return best;
    }

    /// <summary>Round-robin: least virtual time first, then order of submission.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool IsServedLess(in StreamView a, in StreamView b) =>
        a.VirtualTime != b.VirtualTime ? a.VirtualTime < b.VirtualTime : a.Sequence < b.Sequence;
}
