namespace Atoll.Devices;

/// <summary>
/// A kernel that only takes virtual time on a <see cref="SimulatedDevice"/>, e.g. one read from a profile.
/// </summary>
public sealed class SimulatedKernel : Kernel
{
    private readonly double[] _pass;

    /// <param name="name">Any name.</param>
    /// <param name="blocks">Blocks of the grid.</param>
    /// <param name="passMicroseconds">Entry k-1: time of a pass with k blocks on one unit; its length is the most that
    /// fit.</param>
    /// <param name="wholeMicroseconds">Time of the whole kernel alone on the device, where measured apart; 0 = from
    /// passes.</param>
    /// <param name="accesses">What it would read and write.</param>
    public SimulatedKernel(string name, int blocks, ReadOnlySpan<double> passMicroseconds,
        double wholeMicroseconds = 0, IReadOnlyList<BufferAccess>? accesses = null)
        : base(name, blocks, accesses ?? [])
    {
        ArgumentOutOfRangeException.ThrowIfZero(passMicroseconds.Length, nameof(passMicroseconds));
        ArgumentOutOfRangeException.ThrowIfNegative(wholeMicroseconds);
        foreach (var pass in passMicroseconds)
        {
            ArgumentOutOfRangeException.ThrowIfNegativeOrZero(pass, nameof(passMicroseconds));
        }

        _pass = passMicroseconds.ToArray();
        WholeMicroseconds = wholeMicroseconds;
    }

    public double WholeMicroseconds { get; }

    public ReadOnlySpan<double> PassMicroseconds => _pass;

    public override double EstimatedBlockMicroseconds => _pass[0];
}
