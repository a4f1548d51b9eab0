using System.Buffers;
using System.Runtime.InteropServices;
using Atoll.Kernels;

namespace Atoll.Models;

/// <summary>The floats of a tensor for packing, through a buffer where they are not in memory.</summary>
internal sealed class TensorFloats(Tensor tensor) : FloatSource, IDisposable
{
    // Of bytes: the pool of floats would have to be compiled first.
    private byte[] _buffer = [];

    public override long Count => tensor.ElementCount;

    public override ReadOnlySpan<float> Read(long start, int count)
    {
        if (tensor.IsInMemory)
        {
            return tensor.AsSpan<float>().Slice(checked((int)start), count);
        }

        var bytes = checked(count * sizeof(float));
        if (_buffer.Length < bytes)
        {
            Dispose();
            _buffer = ArrayPool<byte>.Shared.Rent(bytes);
        }

        var read = _buffer.AsSpan(0, bytes);
        tensor.CopyTo(start * sizeof(float), read);
        return MemoryMarshal.Cast<byte, float>(read);
    }

    public void Dispose()
    {
        if (_buffer.Length > 0)
        {
            ArrayPool<byte>.Shared.Return(_buffer);
            _buffer = [];
        }
    }
}
