using System.Numerics;
using System.Runtime.CompilerServices;
using Atoll.Devices;

namespace Atoll.Kernels;

/// <summary>Where updates go: runs of elements of the dense output, in the order of the indices.</summary>
internal sealed class ScatterPlaces
{
    private readonly IndexReader _indices;
    private readonly int[] _shape;
    private readonly long[] _strides;
    private readonly int[] _indexShape;
    private readonly int _axis;

    private ScatterPlaces(IndexReader indices, ScatterOperands operands, int axis, long count, long run)
    {
        _indices = indices;
        _shape = operands.X.Shape;
        _strides = TensorRef.DenseStrides(operands.X.Shape);
        _indexShape = operands.Indices.Shape;
        _axis = axis;
        Count = count;
        Run = run;
    }

    public long Count { get; }

    /// <summary>Elements of one update.</summary>
    public long Run { get; }

    public static ScatterPlaces Elements(string name, ScatterOperands operands, int axis) => new(
        new IndexReader(name, operands.Indices), operands, axis, operands.Indices.Count, 1);

    public static ScatterPlaces Tuples(string name, ScatterOperands operands)
    {
        var depth = operands.Indices.Shape[^1];
        return new ScatterPlaces(new IndexReader(name, operands.Indices), operands, -1,
            operands.Indices.Count / Math.Max(1, depth),
            operands.X.Shape[depth..].Aggregate(1L, (count, size) => count * size));
    }

    /// <summary>First element of an update.</summary>
    public long At(long update)
    {
        long place = 0, rest = update;
        if (_axis < 0)
        {
            var depth = _indexShape[^1];
            for (var k = 0; k < depth; k++)
            {
                place += _indices.At(update * depth + k, _shape[k]) * _strides[k];
            }

            return place;
        }

        for (var axis = _indexShape.Length - 1; axis >= 0; axis--)
        {
            place += axis == _axis ? 0 : rest % _indexShape[axis] * _strides[axis];
            rest /= _indexShape[axis];
        }

        return place + _indices.At(update, _shape[_axis]) * _strides[_axis];
    }
}

/// <summary>
/// y = x with updates. A block owns a range of y: it copies the range, then looks through all updates for those that
/// fall into it. So a block can be repeated, and updates of one place keep their order.
/// </summary>
internal sealed unsafe class ScatterKernel<T>(
    string name, ScatterReduction reduction, ScatterOperands operands, ScatterPlaces places)
    : CpuKernel(name, BlocksOf(operands.Y, places.Run),
        [operands.X.Reads(), operands.Indices.Reads(), operands.Updates.Reads(), operands.Y.Writes()])
    where T : unmanaged, INumber<T>
{
    private const int ElementsPerYield = 1024;
    private const int BlockBytes = 256 << 10;
    private const int BlocksMax = 16;
    private readonly T* _x = (T*)operands.X.Pointer;
    private readonly T* _updates = (T*)operands.Updates.Pointer;
    private readonly T* _y = (T*)operands.Y.Pointer;
    private readonly long _slices = operands.Y.Count / Math.Max(1, places.Run);

    public override void RunBlock(int block, BlockContext context)
    {
        var first = _slices * block / Blocks * places.Run;
        var end = _slices * (block + 1) / Blocks * places.Run;
        if (!Element.CopyRun((byte*)(_x + first), (byte*)(_y + first), (end - first) * sizeof(T), context))
        {
            return;
        }

        for (long update = 0, done = 0; update < places.Count; update++, done++)
        {
            var place = places.At(update);
            if (place >= first && place < end && !Join(update, place, context))
            {
                return;
            }

            if ((done & 63) == 63 && context.Yield())
            {
                return;
            }
        }
    }

    private bool Join(long update, long place, BlockContext context)
    {
        var from = _updates + update * places.Run;
        var to = _y + place;
        for (long i = 0; i < places.Run; i++)
        {
            to[i] = Joined(to[i], from[i]);
            if (i % ElementsPerYield == ElementsPerYield - 1 && context.Yield())
            {
                return false;
            }
        }

        return true;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private T Joined(T old, T update) => reduction switch
    {
        ScatterReduction.None => update,
        ScatterReduction.Add => old + update,
        ScatterReduction.Multiply => old * update,
        ScatterReduction.Minimum => T.Min(old, update),
        _ => T.Max(old, update),
    };

    private static int BlocksOf(TensorRef y, long run) =>
        (int)Math.Clamp(y.Count * y.ElementBytes / BlockBytes, 1, Math.Clamp(y.Count / Math.Max(1, run), 1, BlocksMax));
}
