using Atoll.Devices;

namespace Atoll.Models;

/// <summary>
/// A group of kernels that runs as one: no write of a step may meet one of its reads or its other writes, so that any
/// block of it can be repeated.
/// </summary>
internal sealed class LoweredStep
{
    public required string Name { get; init; }

    public TensorView[] Reads { get; init; } = [];

    public TensorView[] Writes { get; init; } = [];

    /// <summary>Makes the kernels once the storages have addresses.</summary>
    public required Func<StorageBinding, IEnumerable<CpuKernel>> Emit { get; init; }

    public override string ToString() => Name;
}
