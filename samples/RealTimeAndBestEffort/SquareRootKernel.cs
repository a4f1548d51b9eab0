using Atoll.Devices;

namespace RealTimeAndBestEffort;

/// <summary>
/// Square roots of floats, one block per 1024 of them. It reads one buffer and writes another, so a block can be
/// stopped at any yield point and be repeated.
/// </summary>
internal sealed unsafe class SquareRootKernel(DeviceBuffer from, DeviceBuffer to) : CpuKernel(
    "square-root", (int)((from.Length / sizeof(float) + BlockLength - 1) / BlockLength),
    [BufferAccess.Read(from), BufferAccess.Write(to)])
{
    private const int BlockLength = 1024;
    private const int LengthBetweenYields = 256;

    public override void RunBlock(int block, BlockContext context)
    {
        var source = (float*)from.Pointer;
        var target = (float*)to.Pointer;
        var start = block * BlockLength;
        var end = (int)Math.Min(start + BlockLength, from.Length / sizeof(float));
        for (var i = start; i < end; i++)
        {
            target[i] = MathF.Sqrt(source[i]);

            // Real-time work may run inside this call; true means leave now, the block is run again from its start.
            if ((i + 1) % LengthBetweenYields == 0 && context.Yield())
            {
                return;
            }
        }
    }
}
