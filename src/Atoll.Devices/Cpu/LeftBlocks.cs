namespace Atoll.Devices;

/// <summary>
/// Blocks of the kernel at a stream's front that were started and left: they are claimed before any new block. Bounded,
/// since a unit holds one block at a time.
/// </summary>
internal sealed class LeftBlocks(int units)
{
    // A few per unit: a unit may leave a second block before the first was taken up again.
    private readonly int[] _slots = new int[8 * units];
    private int _count;

    public bool IsEmpty => Volatile.Read(ref _count) == 0;

    public void Add(int block)
    {
        for (var slot = 0; ; slot = (slot + 1) % _slots.Length)
        {
            if (Interlocked.CompareExchange(ref _slots[slot], block + 1, 0) == 0)
            {
                Interlocked.Increment(ref _count);
                return;
            }
        }
    }

    public bool TryTake(out int block)
    {
        for (var slot = 0; slot < _slots.Length && !IsEmpty; slot++)
        {
            if (Volatile.Read(ref _slots[slot]) != 0 && Interlocked.Exchange(ref _slots[slot], 0) is var taken and > 0)
            {
                Interlocked.Decrement(ref _count);
                block = taken - 1;
                return true;
            }
        }

        block = -1;
        return false;
    }
}
