using System.Runtime.InteropServices;

namespace Atoll.Models;

/// <summary>
/// Visits the elements of a row-major shape in order, keeping one offset per set of strides (in elements, zero to
/// repeat).
/// </summary>
internal sealed class StridedWalk
{
    private readonly long[] _shape;
    private readonly long[][] _strides;
    private readonly long[] _index;

    public StridedWalk(long[] shape, params long[][] strides)
    {
        _shape = shape;
        _strides = strides;
        _index = new long[shape.Length];
        Offsets = new long[strides.Length];
    }

    public long[] Offsets { get; }

    public static long[] RowMajor(long[] shape)
    {
        var strides = new long[shape.Length];
        var step = 1L;
        for (var i = shape.Length - 1; i >= 0; i--)
        {
            strides[i] = step;
            step *= shape[i];
        }
        return strides;
    }

    /// <summary>
    /// Strides that read a tensor of <paramref name="shape"/> as if it were broadcast to <paramref name="to"/>.
    /// </summary>
    public static long[] Broadcast(long[] shape, long[] to)
    {
        var own = RowMajor(shape);
        var strides = new long[to.Length];
        for (var i = 0; i < shape.Length; i++)
        {
            strides[to.Length - shape.Length + i] = shape[i] == 1 ? 0 : own[i];
        }
        return strides;
    }

    /// <summary>Copies elements of any type into a new tensor of <paramref name="shape"/>.</summary>
    public static Tensor Copy(Tensor source, long[] shape, long[] strides, long start = 0)
    {
        var size = source.Type.SizeInBytes();
        var count = shape.Aggregate(1L, (product, dim) => checked(product * dim));
        var data = new byte[checked(count * size)];
        switch (size)
        {
            case 1: Copy<byte>(source, data, shape, strides, start); break;
            case 2: Copy<ushort>(source, data, shape, strides, start); break;
            case 4: Copy<uint>(source, data, shape, strides, start); break;
            default: Copy<ulong>(source, data, shape, strides, start); break;
        }
        return new Tensor(source.Type, shape, data);
    }

    public void Next()
    {
        for (var axis = _shape.Length - 1; axis >= 0; axis--)
        {
            var wraps = ++_index[axis] == _shape[axis];
            for (var s = 0; s < _strides.Length; s++)
            {
                Offsets[s] += wraps ? -_strides[s][axis] * (_shape[axis] - 1) : _strides[s][axis];
            }
            if (!wraps)
            {
                return;
            }
            _index[axis] = 0;
        }
    }

    private static void Copy<T>(Tensor source, byte[] data, long[] shape, long[] strides, long start)
        where T : unmanaged
    {
        var from = source.AsSpan<T>();
        var to = MemoryMarshal.Cast<byte, T>(data.AsSpan());
        var walk = new StridedWalk(shape, strides);
        for (var i = 0; i < to.Length; i++, walk.Next())
        {
            to[i] = from[(int)(start + walk.Offsets[0])];
        }
    }
}
