namespace Atoll.Devices;

/// <summary>
/// The kernel of a stream that units claim blocks from. Two per stream take turns; one is rewritten only after every
/// block of its kernel is done, so whoever holds a block of it may read it freely.
/// </summary>
internal sealed class KernelFront
{
    public CpuKernel Kernel = null!;
    public Launch Launch = null!;
    public int KernelIndex;
    public int Blocks;

    /// <summary>Blocks may be left and repeated.</summary>
    public bool IsLeavable;

    public bool IsVoid => Launch.CancelRequested || Launch.Failure is not null;
}

/// <summary>A claimed block.</summary>
internal readonly record struct BlockClaim(KernelFront Front, int Block, bool IsRepeat);
