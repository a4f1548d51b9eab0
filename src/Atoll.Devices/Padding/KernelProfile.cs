namespace Atoll.Devices;

/// <summary>
/// How long one pass of a kernel takes at each occupancy (blocks that share one compute unit), refreshed by what is
/// measured. A pass is the time from the start to the end of blocks that start together. Several units may observe
/// at once: an update may then be lost, never torn.
/// </summary>
public sealed class KernelProfile
{
    private readonly double[] _pass;
    private readonly double _smoothing;
    private double _blockCost;

    /// <param name="passMicroseconds">Entry k-1: one pass at k blocks per unit; 0 = unknown.</param>
    /// <param name="smoothing">Weight of a new measurement in the moving average, 0 (fixed) to 1. Default 1/8.</param>
    public KernelProfile(ReadOnlySpan<double> passMicroseconds, double smoothing = 0.125)
    {
        ArgumentOutOfRangeException.ThrowIfZero(passMicroseconds.Length, nameof(passMicroseconds));
        foreach (var microseconds in passMicroseconds)
        {
            ArgumentOutOfRangeException.ThrowIfNegative(microseconds, nameof(passMicroseconds));
        }

        ArgumentOutOfRangeException.ThrowIfNegative(smoothing);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(smoothing, 1);
        _pass = passMicroseconds.ToArray();
        _smoothing = smoothing;
        _blockCost = LeastCost();
    }

    /// <summary>Most blocks of this kernel that one compute unit can hold.</summary>
    public int MaxOccupancy => _pass.Length;

    /// <summary>
    /// Unit time in microseconds that one block costs at the occupancy that suits it best; 0 = unknown.
    /// </summary>
    public double BlockCostMicroseconds => Volatile.Read(ref _blockCost);

    /// <summary>The profile of a kernel on a device that runs one block per unit, from its own estimate.</summary>
    public static KernelProfile Of(Kernel kernel) => new([kernel.EstimatedBlockMicroseconds]);

    /// <summary>Microseconds of one pass at 1 to <see cref="MaxOccupancy"/> blocks per unit; 0 = unknown.</summary>
    public double PassMicroseconds(int occupancy) => Volatile.Read(ref _pass[occupancy - 1]);

    /// <summary>
    /// Takes a measured pass into the moving average; the first measurement of an unknown one stands as it is.
    /// </summary>
    public void Observe(int occupancy, double microseconds)
    {
        ref var pass = ref _pass[occupancy - 1];
        var old = Volatile.Read(ref pass);
        Volatile.Write(ref pass, old == 0 ? microseconds : old + _smoothing * (microseconds - old));
        Volatile.Write(ref _blockCost, LeastCost());
    }

    private double LeastCost()
    {
        var least = 0.0;
        for (var i = 0; i < _pass.Length; i++)
        {
            var cost = _pass[i] / (i + 1);
            least = cost > 0 && (least == 0 || cost < least) ? cost : least;
        }

        return least;
    }
}
