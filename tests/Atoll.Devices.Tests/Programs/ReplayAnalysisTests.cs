namespace Atoll.Devices.Tests;

public sealed class ReplayAnalysisTests
{
    [Fact]
    public void A_window_is_unsafe_where_a_later_kernel_overwrites_what_an_earlier_one_reads()
    {
        using var device = new NullDevice();
        using DeviceBuffer a = device.Allocate(64), b = device.Allocate(64), c = device.Allocate(64);
        var analysis = device.Load("p", [Map(a, b), Map(b, c), Map(c, a), Map(a, a)]).Analysis;

        Assert.Equal([3], analysis.UnsafeWindows(1));
        Assert.Equal([2], analysis.UnsafeWindows(2));
        Assert.Equal([0, 1], analysis.UnsafeWindows(3));
        Assert.Empty(analysis.UnsafeWindows(5));
        Assert.Equal([KernelEffect.Idempotent, KernelEffect.Idempotent, KernelEffect.Idempotent, KernelEffect.InPlace],
            analysis.Effects);
    }

    private static SimulatedKernel Map(DeviceBuffer from, DeviceBuffer to) =>
        new("map", 1, [1.0], accesses: [BufferAccess.Read(from), BufferAccess.Write(to)]);
}
