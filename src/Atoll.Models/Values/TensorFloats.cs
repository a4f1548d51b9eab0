using System.Buffers;
using System.Runtime.InteropServices;
using Atoll.Kernels;

namespace Atoll.Models;

/// <summary>The floats of a tensor for packing, through a buffer where they are not in memory.</summary>
internal sealed class TensorFloats(Tensor tensor) : FloatSource, IDisposable
{
    private float[] _buffer = [];

    public override long Count => tensor.ElementCount;

    public override ReadOnlySpan<float> Read(long start, int count)
    {
        if (tensor.IsInMemory)
        {
            return tensor.AsSpan<float>().Slice(checked((int)start), count);
        }

        if (_buffer.Length < count)
        {
            Dispose();
            _buffer = ArrayPool<float>.Shared.Rent(count);
        }

        var read = _buffer.AsSpan(0, count);
        tensor.CopyTo(start * sizeof(float), MemoryMarshal.AsBytes(read));
        return read;
    }

    public void Dispose()
    {
        if (_buffer.Length > 0)
        {
            ArrayPool<float>.Shared.Return(_buffer);
            _buffer = [];
        }
    }
}
