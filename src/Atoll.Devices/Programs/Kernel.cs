namespace Atoll.Devices;

/// <summary>
/// A grid of independent blocks. A block is the unit of progress: claimed by one compute unit, finished or repeated
/// whole. A kernel declares what it reads and writes; <see cref="Program"/> classifies it from that.
/// </summary>
public abstract class Kernel
{
    protected Kernel(string name, int blocks, IReadOnlyList<BufferAccess> accesses)
    {
        ArgumentException.ThrowIfNullOrEmpty(name);
        ArgumentOutOfRangeException.ThrowIfLessThan(blocks, 1);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(blocks, MaxBlocks);
        Name = name;
        Blocks = blocks;
        Accesses = accesses;
    }

    /// <summary>Claim words carry the block count in 20 bits.</summary>
    public const int MaxBlocks = 1 << 19;

    public string Name { get; }

    /// <summary>Number of blocks, 1 to <see cref="MaxBlocks"/>.</summary>
    public int Blocks { get; }

    public IReadOnlyList<BufferAccess> Accesses { get; }

    /// <summary>Scratch memory in bytes that one running block needs from its compute unit.</summary>
    public virtual long ScratchBytes => 0;

    /// <summary>Expected time of one block in microseconds, before any was measured; 0 = unknown.</summary>
    public virtual double EstimatedBlockMicroseconds => 0;
}

/// <summary>A kernel whose blocks run as host code, on a CPU compute unit.</summary>
public abstract class CpuKernel(string name, int blocks, IReadOnlyList<BufferAccess> accesses)
    : Kernel(name, blocks, accesses)
{
    /// <summary>
    /// Runs one block. Contract: call <see cref="BlockContext.Yield"/> at least every few microseconds (after each
    /// micro-kernel call) and return at once when it answers true: the block is then not finished and will be run
    /// again from its start, on any compute unit. Allocate nothing, take no lock, block on nothing.
    /// </summary>
    public abstract void RunBlock(int block, BlockContext context);
}
