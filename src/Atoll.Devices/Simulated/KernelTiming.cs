namespace Atoll.Devices;

/// <summary>How long a kernel takes on the described device, and what was measured of it.</summary>
internal sealed class KernelTiming
{
    private readonly double[] _pass;
    private readonly double _roundMicroseconds;
    private readonly int _natural;

    public KernelTiming(Kernel kernel, SimulatedDeviceOptions options)
    {
        var estimate = kernel.EstimatedBlockMicroseconds;
        var simulated = kernel as SimulatedKernel;
        _pass = simulated is not null ? [.. simulated.PassMicroseconds]
            : [estimate > 0 ? estimate : options.DefaultBlockMicroseconds];
        MaxOccupancy = Math.Min(_pass.Length, options.MaxOccupancy);
        var layers = (kernel.Blocks + options.Units - 1) / options.Units;
        _natural = Math.Min(layers, MaxOccupancy);
        var rounds = (layers + _natural - 1) / _natural;
        _roundMicroseconds = (simulated?.WholeMicroseconds ?? 0) / rounds;
        ExpectedMicroseconds = _roundMicroseconds > 0 ? _roundMicroseconds * rounds : _pass[_natural - 1] * rounds;
        Profile = new KernelProfile(_pass);
    }

    public int MaxOccupancy { get; }

    /// <summary>The whole kernel, alone on the device.</summary>
    public double ExpectedMicroseconds { get; }

    public KernelProfile Profile { get; }

    /// <summary>
    /// One pass of <paramref name="count"/> blocks on a unit, in the kernel's own turn. Where the whole time was
    /// measured, each round takes its part of it, and more only if the unit is fuller than in an undisturbed run.
    /// </summary>
    public double PassMicroseconds(int count) =>
        _roundMicroseconds == 0 ? _pass[count - 1]
        : count <= _natural ? _roundMicroseconds
        : _roundMicroseconds * _pass[count - 1] / _pass[_natural - 1];

    /// <summary>One pass as padding, at the occupancy that was granted.</summary>
    public double PaddingMicroseconds(int occupancy) => _pass[occupancy - 1];
}
