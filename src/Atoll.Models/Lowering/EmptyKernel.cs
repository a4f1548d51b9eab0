using Atoll.Devices;

namespace Atoll.Models;

/// <summary>The program of a model that has nothing to compute, e.g. because all its outputs are empty.</summary>
internal sealed class EmptyKernel() : CpuKernel("empty", 1, [])
{
    public override void RunBlock(int block, BlockContext context) => context.Yield();
}
