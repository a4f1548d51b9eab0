namespace Atoll.Models;

/// <summary>Where a tensor's bytes come from when they are asked for. Thread-safe.</summary>
internal abstract class TensorSource
{
    public abstract long ByteCount { get; }

    /// <summary>Reads as many bytes as the target holds.</summary>
    /// <exception cref="ModelException">The bytes are no longer what they were at load.</exception>
    public abstract void Read(long start, Span<byte> target);
}
