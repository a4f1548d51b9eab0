using System.Runtime.InteropServices;

namespace Atoll.Devices;

/// <summary>How the operating system treats the device's threads, from the strongest right to none.</summary>
public enum SchedulingRights
{
    /// <summary>
    /// Units compute best-effort work under SCHED_IDLE and real-time work under SCHED_BATCH; submitters may be
    /// SCHED_FIFO.
    /// </summary>
    Full,

    /// <summary>
    /// All threads are ordinary: a submitter on a busy core waits for a scheduler slice of milliseconds.
    /// </summary>
    Plain,
}

/// <summary>
/// Linux scheduling of the calling thread: affinity, SCHED_FIFO, SCHED_IDLE, nice. Elsewhere nothing happens.
/// </summary>
public static unsafe partial class ThreadScheduling
{
    private const int PolicyFifo = 1;
    private const int PolicyBatch = 3;
    private const int PolicyIdle = 5;
    private const int SetAttributeCall = 314;
    private const int TimerSlackOption = 29;
    private const int ClockMonotonic = 1;

    /// <summary>Finds out what this process may do by trying it on a thread that ends at once.</summary>
    public static SchedulingRights Probe()
    {
        var rights = SchedulingRights.Plain;
        var thread = new Thread(() =>
        {
            if (TryFifo(1) && TryIdle() && TryBatch())
            {
                rights = SchedulingRights.Full;
            }
        });
        thread.Start();
        thread.Join();
        return rights;
    }

    /// <summary>CPUs that this process may use, in ascending order.</summary>
    public static IReadOnlyList<int> AllowedCpus()
    {
        var mask = stackalloc ulong[16];
        if (OperatingSystem.IsLinux() && GetAffinity(0, 128, mask) >= 0)
        {
            var cpus = Enumerable.Range(0, 1024).ToArray();
            var words = new Span<ulong>(mask, 16).ToArray();
            return [.. cpus.Where(cpu => (words[cpu / 64] >> (cpu % 64) & 1) != 0)];
        }

        return [.. Enumerable.Range(0, Environment.ProcessorCount)];
    }

    /// <summary>Lets the calling thread run on one CPU only.</summary>
    public static bool TryPin(int cpu)
    {
        var mask = stackalloc ulong[16];
        new Span<ulong>(mask, 16).Clear();
        mask[cpu / 64] = 1UL << (cpu % 64);
        return OperatingSystem.IsLinux() && SetAffinity(0, 128, mask) == 0;
    }

    /// <summary>Lets the calling thread run on any of these CPUs.</summary>
    public static bool TryPin(IReadOnlyList<int> cpus)
    {
        var mask = stackalloc ulong[16];
        new Span<ulong>(mask, 16).Clear();
        foreach (var cpu in cpus)
        {
            mask[cpu / 64] |= 1UL << (cpu % 64);
        }

        return OperatingSystem.IsLinux() && SetAffinity(0, 128, mask) == 0;
    }

    /// <summary>
    /// Puts the calling thread ahead of every ordinary thread; for submitters that sleep most of the time.
    /// </summary>
    public static bool TryFifo(int priority) => TrySet(PolicyFifo, 0, priority);

    /// <summary>The same for another thread of this process, by its system id.</summary>
    public static bool TryFifo(int priority, int thread) => TrySet(PolicyFifo, 0, priority, thread);

    /// <summary>The system's id of the calling thread; 0 where there is none.</summary>
    public static int CurrentThread => OperatingSystem.IsLinux() ? ThreadId() : 0;

    /// <summary>Puts the calling thread behind every ordinary thread.</summary>
    public static bool TryIdle() => TrySet(PolicyIdle, 0, 0);

    /// <summary>
    /// Makes the calling thread an ordinary one that computes: it shares its CPU with other processes, and threads that
    /// wake for a moment, such as those that read requests, go first.
    /// </summary>
    public static bool TryBatch() => TrySet(PolicyBatch, 0, 0);

    /// <summary>Lets timers of the calling thread fire without the default 50 us of slack.</summary>
    public static void UsePreciseTimers()
    {
        if (OperatingSystem.IsLinux())
        {
            _ = ControlThread(TimerSlackOption, 1, 0, 0, 0);
        }
    }

    /// <summary>
    /// Sleeps on the calling thread without spinning, to the precision of the system's timers (about 50 us).
    /// </summary>
    public static void SleepPrecisely(TimeSpan time)
    {
        if (!OperatingSystem.IsLinux())
        {
            using var never = new ManualResetEventSlim();
            never.Wait(time);
            return;
        }

        var span = stackalloc long[2];
        (span[0], span[1]) = ((long)time.TotalSeconds, time.Ticks % TimeSpan.TicksPerSecond * 100);
        _ = SleepClock(ClockMonotonic, 0, span, null);
    }

    private static bool TrySet(int policy, int nice, int priority, int thread = 0)
    {
        if (!OperatingSystem.IsLinux() || RuntimeInformation.ProcessArchitecture != Architecture.X64)
        {
            return false;
        }

        var attributes =
            new Attributes { Size = (uint)sizeof(Attributes), Policy = (uint)policy, Nice = nice,
            Priority = (uint)priority };
        return SystemCall(SetAttributeCall, thread, &attributes, 0) == 0;
    }

    [LibraryImport("libc", EntryPoint = "sched_setaffinity")]
    private static partial int SetAffinity(int thread, nint size, ulong* mask);

    [LibraryImport("libc", EntryPoint = "sched_getaffinity")]
    private static partial int GetAffinity(int thread, nint size, ulong* mask);

    [LibraryImport("libc", EntryPoint = "gettid")]
    private static partial int ThreadId();

    [LibraryImport("libc", EntryPoint = "clock_nanosleep")]
    private static partial int SleepClock(int clock, int flags, long* time, long* left);

    [LibraryImport("libc", EntryPoint = "prctl")]
    private static partial int ControlThread(int option, nuint a, nuint b, nuint c, nuint d);

    [LibraryImport("libc", EntryPoint = "syscall")]
    private static partial long SystemCall(long number, long thread, Attributes* attributes, long flags);

    // struct sched_attr of the Linux system call interface, first version.
    [StructLayout(LayoutKind.Sequential)]
    private struct Attributes
    {
        public uint Size;
        public uint Policy;
        public ulong Flags;
        public int Nice;
        public uint Priority;
        public ulong Runtime;
        public ulong Deadline;
        public ulong Period;
    }
}
