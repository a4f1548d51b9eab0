using Atoll.Devices;

namespace Atoll.Kernels;

/// <summary>Dense 32- or 64-bit indices; negative ones count from the end.</summary>
internal readonly unsafe struct IndexReader
{
    private readonly byte* _pointer;
    private readonly bool _isLong;
    private readonly string _name;

    public IndexReader(string name, TensorRef indices)
    {
        if (!indices.IsDense || indices.ElementBytes is not (4 or 8))
        {
            throw new ArgumentException($"{name}: indices {indices} must be dense, of 4 or 8 bytes");
        }

        _pointer = indices.Pointer;
        _isLong = indices.ElementBytes == 8;
        _name = name;
    }

    /// <exception cref="InputValueException">The index is outside the axis.</exception>
    public long At(long position, long size)
    {
        var index = Raw(position);
        return index >= -size && index < size
            ? index < 0 ? index + size : index
            : throw new InputValueException(
                $"{_name}: index {index} at {position} is outside an axis of size {size}");
    }

    /// <summary>The number as it is, unchecked.</summary>
    public long Raw(long position) => _isLong ? ((long*)_pointer)[position] : ((int*)_pointer)[position];
}
