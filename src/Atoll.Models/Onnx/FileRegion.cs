namespace Atoll.Models;

/// <summary>A part of a file, in the row-major little-endian form of tensors.</summary>
internal sealed class FileRegion(DataFile file, long offset, long length) : TensorSource
{
    public override long ByteCount => length;

    public override void Read(long start, Span<byte> target)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThan(start + target.Length, length);
        file.Read(offset + start, target);
    }
}
