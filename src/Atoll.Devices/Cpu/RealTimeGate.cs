namespace Atoll.Devices;

/// <summary>
/// Who is in real-time work: how many launches wait or run, how many units serve them and how many they need, and
/// whether the way was cleared for them. Lock-free; every method may be called by any unit or submitter.
/// </summary>
internal sealed class RealTimeGate
{
    private readonly int _units;
    private int _active;
    private int _participants;
    private int _wanted;
    private int _isClearing;
    private int _isClear;

    public RealTimeGate(int units) => _wanted = _units = units;

    public bool HasLaunch => Volatile.Read(ref _active) > 0;

    public bool HasSeveral => Volatile.Read(ref _active) > 1;

    /// <summary>Fewer units serve than the current kernel needs.</summary>
    public bool IsShort => Volatile.Read(ref _participants) < Volatile.Read(ref _wanted);

    /// <summary>A launch is about to be seen; all units are wanted until its first kernel says otherwise.</summary>
    public void Add()
    {
        Volatile.Write(ref _wanted, _units);
        Interlocked.Increment(ref _active);
    }

    /// <summary>A launch has ended; after the last one the way must be cleared anew.</summary>
    public void Remove()
    {
        Volatile.Write(ref _wanted, _units);
        if (Interlocked.Decrement(ref _active) == 0)
        {
            // In this order: a unit that joins in between must not await a way that is claimed but never cleared.
            Volatile.Write(ref _isClear, 0);
            Volatile.Write(ref _isClearing, 0);
        }
    }

    /// <summary>Sets how many units the current kernel needs; true when fewer serve.</summary>
    public bool Want(int count)
    {
        Volatile.Write(ref _wanted, count);
        return IsShort;
    }

    public void Join() => Interlocked.Increment(ref _participants);

    public void Leave() => Interlocked.Decrement(ref _participants);

    /// <summary>Lets the calling unit go if more units serve than the current kernel needs.</summary>
    public bool TryLeave()
    {
        var participants = Volatile.Read(ref _participants);
        while (participants > Volatile.Read(ref _wanted))
        {
            var seen = Interlocked.CompareExchange(ref _participants, participants - 1, participants);
            if (seen == participants)
            {
                return true;
            }

            participants = seen;
        }

        return false;
    }

    /// <summary>True for the one unit that is to clear the way; it calls <see cref="SetClear"/> when done.</summary>
    public bool TryBeginClearing() => Interlocked.CompareExchange(ref _isClearing, 1, 0) == 0;

    public void SetClear() => Volatile.Write(ref _isClear, 1);

    /// <summary>Waits until the clearing unit is done, or real-time work is over.</summary>
    public void AwaitClear()
    {
        while (Volatile.Read(ref _isClearing) == 1 && Volatile.Read(ref _isClear) == 0)
        {
            Thread.SpinWait(1);
        }
    }
}
