namespace Atoll.Devices;

/// <summary>
/// Runs the bodies of host-code kernels, undisturbed and on the calling thread; other kernels have no body.
/// </summary>
internal sealed class BlockRunner(int scratchBytes) : IDisposable
{
    private BlockContext? _context;

    /// <summary>The exception that a block threw, or null.</summary>
    public Exception? Run(Kernel kernel, int[] blocks)
    {
        if (kernel is not CpuKernel host)
        {
            return null;
        }

        _context ??= BlockContext.CreateUndisturbed(scratchBytes);
        try
        {
            foreach (var block in blocks)
            {
                host.RunBlock(block, _context);
            }

            return null;
        }
#pragma warning disable CA1031 // Whatever a kernel throws ends its launch, not the device.
        catch (Exception failure)
#pragma warning restore CA1031
        {
            return failure;
        }
    }

    public void Dispose() => _context?.Dispose();
}
