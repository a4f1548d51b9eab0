using System.Runtime.InteropServices;

namespace Atoll.Devices.Tests;

public sealed partial class ComputeUnitTests
{
    private const int PolicyFifo = 1;
    private const int PolicyIdle = 5;

    [Fact]
    public void A_unit_that_lost_its_cpu_as_it_stepped_back_is_raised_again()
    {
        using var device = new CpuDevice(new CpuDeviceOptions { Units = 1 });
        Assert.SkipUnless(device.Rights == SchedulingRights.Full, "no right to raise threads (CAP_SYS_NICE)");
        var unit = new ComputeUnit(device, index: 1, ThreadScheduling.AllowedCpus()[0]);
        unit.Start();
        var thread = ThreadOf(unit);

        unit.Boost();
        Assert.Equal(PolicyFifo, PolicyOf(thread));

        // The system took its CPU away in the middle of the step back: the rank is lost, the unit has not noted it.
        var priority = 0;
        Assert.Equal(0, SetPolicy(thread, PolicyIdle, ref priority));
        unit.Boost();
        Assert.Equal(PolicyFifo, PolicyOf(thread));

        device.Dispose();
        unit.TryWake();
        unit.Join();
        unit.Dispose();
    }

    /// <summary>The system's id of the unit's thread, once it runs.</summary>
    private static int ThreadOf(ComputeUnit unit)
    {
        Assert.True(SpinWait.SpinUntil(() => unit.SystemThread != 0, TimeSpan.FromSeconds(60)), "no unit came to run");
        return unit.SystemThread;
    }

    [LibraryImport("libc", EntryPoint = "sched_getscheduler")]
    private static partial int PolicyOf(int thread);

    [LibraryImport("libc", EntryPoint = "sched_setscheduler")]
    private static partial int SetPolicy(int thread, int policy, ref int priority);
}
