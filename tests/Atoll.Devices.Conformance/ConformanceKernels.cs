namespace Atoll.Devices.Conformance;

/// <summary>Counts the blocks that ran to their end, each after a number of yield points.</summary>
public sealed class CountingKernel(string name, int blocks, int steps = 1) : CpuKernel(name, blocks, [])
{
    private readonly int[] _finished = new int[blocks];

    /// <summary>How often each block ran to its end.</summary>
    public IReadOnlyList<int> Finished => _finished;

    public int FinishedSum => _finished.Sum();

    public override double EstimatedBlockMicroseconds => steps;

    public override void RunBlock(int block, BlockContext context)
    {
        for (var step = 0; step < steps; step++)
        {
            Thread.SpinWait(20);
            if (context.Yield())
            {
                return;
            }
        }

        Interlocked.Increment(ref _finished[block]);
    }
}

/// <summary>Each block maps its part of one buffer of integers to another, or adds it to what is there.</summary>
public sealed unsafe class MapKernel(DeviceBuffer from, DeviceBuffer to, int blocks, int factor, bool accumulates)
    : CpuKernel("map", blocks, [BufferAccess.Read(from), To(to, accumulates)])
{
    public override double EstimatedBlockMicroseconds => 5;

    public override void RunBlock(int block, BlockContext context)
    {
        var length = (int)(from.Length / sizeof(int));
        var (start, end) = (length * block / Blocks, length * (block + 1) / Blocks);
        var input = (int*)from.Pointer;
        var output = (int*)to.Pointer;
        for (var i = start; i < end; i++)
        {
            var value = unchecked((input[i] * factor) + i);
            output[i] = accumulates ? unchecked(output[i] + value) : value;
            if (context.Yield())
            {
                return;
            }
        }
    }

    private static BufferAccess To(DeviceBuffer to, bool accumulates) =>
        accumulates ? new(to, 0, to.Length, AccessKind.Accumulate) : BufferAccess.Write(to);
}

/// <summary>Runs until its launch is stopped.</summary>
public sealed class EndlessKernel() : CpuKernel("endless", 2, [])
{
    public override double EstimatedBlockMicroseconds => 1e9;

    public override void RunBlock(int block, BlockContext context)
    {
        while (!context.Yield())
        {
            Thread.SpinWait(20);
        }
    }
}

public sealed class FailingKernel() : CpuKernel("failing", 3, [])
{
    public override void RunBlock(int block, BlockContext context) =>
        throw new InvalidOperationException("broken on purpose");
}
