using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace Atoll.Devices;

/// <summary>
/// Where one idle thread sleeps. A futex on Linux: a waker of real-time priority must never wait for a lock that an
/// idle-priority unit holds, and who is woken by such a unit displaces it at once, so it must find no lock held. A
/// monitor elsewhere. One sleeper, any number of wakers.
/// </summary>
public sealed unsafe partial class ThreadParking
{
    private const int FutexCall = 202;
    private const int WaitPrivate = 128;
    private const int WakePrivate = 129;

    // Left to the collector: a waker may come while the device is disposed, and after.
    private readonly byte[] _memory = GC.AllocateArray<byte>(128, pinned: true);
    private readonly int* _asleep;
    private readonly bool _hasFutex = OperatingSystem.IsLinux() &&
        RuntimeInformation.ProcessArchitecture == Architecture.X64;
    private readonly object _monitor = new();

    public ThreadParking() => _asleep = (int*)(((nint)Unsafe.AsPointer(ref _memory[0]) + 63) & ~(nint)63);

    public bool IsAsleep => Volatile.Read(ref *_asleep) != 0;

    /// <summary>
    /// Announces sleep with a full fence: what the caller checks afterwards, a waker has published before or will wake
    /// for.
    /// </summary>
    public void Announce() => Interlocked.Exchange(ref *_asleep, 1);

    public void Withdraw() => Volatile.Write(ref *_asleep, 0);

    /// <summary>Sleeps until woken after <see cref="Announce"/>.</summary>
    public void Sleep()
    {
        while (IsAsleep)
        {
            if (_hasFutex)
            {
                _ = SystemCall(FutexCall, _asleep, WaitPrivate, 1, null);
                continue;
            }

            lock (_monitor)
            {
                if (IsAsleep)
                {
                    Monitor.Wait(_monitor);
                }
            }
        }
    }

    /// <summary>Wakes the thread if it sleeps; false if it was awake.</summary>
    public bool TryWake()
    {
        if (!IsAsleep || Interlocked.Exchange(ref *_asleep, 0) == 0)
        {
            return false;
        }

        if (_hasFutex)
        {
            _ = SystemCall(FutexCall, _asleep, WakePrivate, 1, null);
            return true;
        }

        lock (_monitor)
        {
            Monitor.Pulse(_monitor);
            return true;
        }
    }

    [LibraryImport("libc", EntryPoint = "syscall")]
    private static partial long SystemCall(long number, int* word, int operation, int value, void* timeout);
}
