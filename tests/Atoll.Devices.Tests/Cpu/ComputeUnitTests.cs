using System.Runtime.InteropServices;
using System.Runtime.Intrinsics.X86;

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
        var thread = ThreadOf(device, unit);

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

    /// <summary>The system's id of the unit's thread: runs two blocks that need both units at once.</summary>
    private static int ThreadOf(CpuDevice device, ComputeUnit unit)
    {
        var meeting = new MeetingKernel(units: 2);
        using var stream = device.CreateStream(new StreamOptions { Class = WorkClass.BestEffort });
        var launch = new Launch(device.Load("meeting", [meeting]));
        Assert.Equal(SubmitResult.Accepted, stream.Submit(launch));
        unit.TryWake();
        Assert.Equal(LaunchStatus.Completed, launch.Wait());
        return meeting.Threads[$"atoll-unit-{unit.Index}"];
    }

    [LibraryImport("libc", EntryPoint = "sched_getscheduler")]
    private static partial int PolicyOf(int thread);

    [LibraryImport("libc", EntryPoint = "sched_setscheduler")]
    private static partial int SetPolicy(int thread, int policy, ref int priority);

    private sealed class MeetingKernel(int units) : CpuKernel("meeting", units, [])
    {
        private int _awaited = units;

        public Dictionary<string, int> Threads { get; } = [];

        public override void RunBlock(int block, BlockContext context)
        {
            lock (Threads)
            {
                Threads[Thread.CurrentThread.Name!] = ThreadScheduling.CurrentThread;
            }

            Interlocked.Decrement(ref _awaited);
            while (Volatile.Read(ref _awaited) > 0)
            {
                X86Base.Pause();
            }
        }
    }
}
