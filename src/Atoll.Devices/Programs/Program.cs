namespace Atoll.Devices;

/// <summary>
/// A sequence of kernels that a device has checked and accepted; each runs after the one before it is complete.
/// </summary>
public sealed class Program
{
    internal Program(Device device, string name, IReadOnlyList<Kernel> kernels)
    {
        Device = device;
        Name = name;
        Kernels = [.. kernels];
        Analysis = ReplayAnalysis.Of(Kernels);
    }

    /// <summary>
    /// Running mean of the unit time that one launch takes, in clock ticks; 0 until one was measured.
    /// </summary>
    internal long ExpectedTicks;

    /// <summary>
    /// Measures what padding costs this program's real-time launches; used under <see cref="Guarding"/>.
    /// </summary>
    internal PaddingGuard? Guard;

    internal readonly Lock Guarding = new();

    public Device Device { get; }

    public string Name { get; }

    public Kernel[] Kernels { get; }

    /// <summary>Per-kernel effect and the write-after-read hazards of replaying several kernels.</summary>
    public ReplayAnalysis Analysis { get; }
}
