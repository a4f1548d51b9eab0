using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace Atoll.Devices;

/// <summary>
/// What a running block sees of its compute unit: the yield point and scratch memory. One per compute unit and work
/// class, because a real-time block may run nested inside a best-effort block at its yield point.
/// </summary>
public abstract unsafe class BlockContext : IDisposable
{
    // The word that anyone who wants the unit's attention increments; compared with what the unit saw last.
    private protected long* Word;
    private protected long Seen;
    private byte* _scratch;

    protected BlockContext(int scratchBytes)
    {
        ScratchBytes = scratchBytes;
        _scratch = (byte*)NativeMemory.AlignedAlloc((nuint)scratchBytes + 64, 4096);
        NativeMemory.Clear(_scratch, (nuint)scratchBytes + 64);
    }

    /// <summary>Memory for intermediate results of one block; its content is undefined when a block starts.</summary>
    public byte* Scratch => _scratch;

    public int ScratchBytes { get; }

    /// <summary>
    /// The yield point: a volatile load and a compare. Real-time work may run inside this call, on this stack.
    /// True: leave the block now without finishing it.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public bool Yield() => Volatile.Read(ref *Word) != Seen && OnSignal();

    /// <summary>
    /// The word that <see cref="Yield"/> looks at, for inner loops that must not call anything while sums are in
    /// registers: when it differs from <see cref="SignalSeen"/>, they stop and call <see cref="Yield"/>, which may
    /// change the latter.
    /// </summary>
    public long* Signal => Word;

    public long SignalSeen => Seen;

    /// <summary>Answers a changed word; true means that the running block must be left.</summary>
    private protected abstract bool OnSignal();

    /// <summary>
    /// A context that is never signalled: for tests, warm-up and reference runs on the calling thread.
    /// </summary>
    public static BlockContext CreateUndisturbed(int scratchBytes = 4 << 20) => new UndisturbedContext(scratchBytes);

    /// <summary>
    /// A context that asks a block to leave at the given yield point, counted from 0: for tests of repetition.
    /// </summary>
    public static BlockContext CreateLeaving(long yieldPoint, int scratchBytes = 4 << 20) =>
        new LeavingContext(yieldPoint, scratchBytes);

    public void Dispose()
    {
        Dispose(true);
        GC.SuppressFinalize(this);
    }

    protected virtual void Dispose(bool disposing)
    {
        if (_scratch != null)
        {
            NativeMemory.AlignedFree(_scratch);
            _scratch = null;
        }
    }

    private sealed class UndisturbedContext : BlockContext
    {
        private readonly long* _still = (long*)NativeMemory.AllocZeroed(64);

        public UndisturbedContext(int scratchBytes) : base(scratchBytes) => Word = _still;

        private protected override bool OnSignal() => false;

        protected override void Dispose(bool disposing)
        {
            NativeMemory.Free(_still);
            base.Dispose(disposing);
        }
    }

    private sealed class LeavingContext : BlockContext
    {
        private readonly long* _changed = (long*)NativeMemory.AllocZeroed(64);
        private long _left;

        public LeavingContext(long yieldPoint, int scratchBytes) : base(scratchBytes)
        {
            Word = _changed;
            Seen = -1;
            _left = yieldPoint;
        }

        private protected override bool OnSignal() => _left-- <= 0;

        protected override void Dispose(bool disposing)
        {
            NativeMemory.Free(_changed);
            base.Dispose(disposing);
        }
    }
}
