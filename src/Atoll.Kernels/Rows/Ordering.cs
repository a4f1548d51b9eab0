using System.Numerics;
using Atoll.Devices;

namespace Atoll.Kernels;

/// <summary>Makes kernels that order, accumulate or mark along one axis of dense tensors.</summary>
public static class Ordering
{
    /// <summary>
    /// x is (outer, n, inner), values and indices (int64) are (outer, k, inner): the k largest or smallest, sorted, of
    /// equal ones the first.
    /// </summary>
    public static CpuKernel TopK(
        string name, bool largest, ScalarType type, TensorRef x, TensorRef values, TensorRef indices)
    {
        Require(name, x, values);
        Require(name, x, indices);
        return ScalarTypes.Dispatch(type, new TopBuilder(name, largest, x, values, indices));
    }

    /// <summary>Running sums along the middle axis of (outer, n, inner).</summary>
    public static CpuKernel CumulativeSum(
        string name, ScalarType type, TensorRef x, TensorRef y, bool exclusive, bool reverse)
    {
        Require(name, x, y);
        return ScalarTypes.Dispatch(type, new SumBuilder(name, x, y, exclusive, reverse));
    }

    /// <summary>1 at the first largest float along the middle axis of (outer, n, inner), else 0.</summary>
    public static CpuKernel Hardmax(string name, TensorRef x, TensorRef y)
    {
        Require(name, x, y);
        return new HardmaxKernel(name, x, y);
    }

    private static void Require(string name, TensorRef x, TensorRef y)
    {
        if (!x.IsDense || !y.IsDense || x.Rank != 3 || y.Rank != 3)
        {
            throw new ArgumentException($"{name}: {x} and {y} must be dense, (outer, n, inner)");
        }
    }

    private sealed class TopBuilder(string name, bool largest, TensorRef x, TensorRef values, TensorRef indices)
        : INumberKernelBuilder
    {
        public CpuKernel Build<T>() where T : unmanaged, INumber<T> =>
            new TopKernel<T>(name, largest, x, values, indices);
    }

    private sealed class SumBuilder(string name, TensorRef x, TensorRef y, bool exclusive, bool reverse)
        : INumberKernelBuilder
    {
        public CpuKernel Build<T>() where T : unmanaged, INumber<T> =>
            new CumulativeSumKernel<T>(name, x, y, exclusive, reverse);
    }
}

/// <summary>The k best of a row in a heap whose root is the worst of them, then taken out from the worst up.</summary>
internal sealed unsafe class TopKernel<T>(
    string name, bool largest, TensorRef x, TensorRef values, TensorRef indices)
    : RowKernel(name, (long)x.Shape[0] * x.Shape[2], x.Shape[1] * 3.0 + values.Shape[1] * 20.0,
        [x.Reads(), values.Writes(), indices.Writes()])
    where T : unmanaged, INumber<T>
{
    private readonly int _inner = x.Shape[2], _length = x.Shape[1], _k = values.Shape[1];
    private readonly T* _x = (T*)x.Pointer;
    private readonly T* _values = (T*)values.Pointer;
    private readonly long* _indices = (long*)indices.Pointer;

    public override long ScratchBytes => (long)_k * sizeof(Entry);

    protected override bool Row(long row, BlockContext context)
    {
        long outer = row / _inner, column = row % _inner;
        var source = _x + outer * _length * _inner + column;
        var heap = (Entry*)context.Scratch;
        for (var i = 0; i < _length && _k > 0; i++)
        {
            Offer(heap, i, new Entry(source[(long)i * _inner], i));
            if ((i & 255) == 255 && context.Yield())
            {
                return false;
            }
        }

        var target = outer * _k * _inner + column;
        for (var left = _k; left > 0; left--)
        {
            (_values[target + (long)(left - 1) * _inner], _indices[target + (long)(left - 1) * _inner]) =
                (heap->Value, heap->Index);
            heap[0] = heap[left - 1];
            Sink(heap, left - 1);
            if ((left & 63) == 63 && context.Yield())
            {
                return false;
            }
        }

        return true;
    }

    private void Offer(Entry* heap, int seen, Entry entry)
    {
        if (seen >= _k)
        {
            if (IsBetter(entry, heap[0]))
            {
                heap[0] = entry;
                Sink(heap, _k);
            }

            return;
        }

        var at = seen;
        for (; at > 0 && IsBetter(heap[(at - 1) / 2], entry); at = (at - 1) / 2)
        {
            heap[at] = heap[(at - 1) / 2];
        }

        heap[at] = entry;
    }

    private void Sink(Entry* heap, int count)
    {
        var entry = heap[0];
        var at = 0;
        for (var child = 1; child < count; child = 2 * at + 1)
        {
            child += child + 1 < count && IsBetter(heap[child], heap[child + 1]) ? 1 : 0;
            if (!IsBetter(entry, heap[child]))
            {
                break;
            }

            heap[at] = heap[child];
            at = child;
        }

        heap[at] = entry;
    }

    private bool IsBetter(Entry a, Entry b) =>
        a.Value == b.Value ? a.Index < b.Index : largest ? a.Value > b.Value : a.Value < b.Value;

    private readonly record struct Entry(T Value, int Index);
}

/// <summary>One row is a run of neighbouring columns of one outer position.</summary>
internal sealed unsafe class CumulativeSumKernel<T>(string name, TensorRef x, TensorRef y, bool exclusive, bool reverse)
    : RowKernel(name, (long)x.Shape[0] * RunsOf(x), x.Shape[1] * (double)Math.Min(x.Shape[2], Run),
        [x.Reads(), y.Writes()])
    where T : unmanaged, INumber<T>
{
    private const int Run = 256;
    private readonly T* _x = (T*)x.Pointer;
    private readonly T* _y = (T*)y.Pointer;

    protected override bool Row(long row, BlockContext context)
    {
        long inner = x.Shape[2], start = row % RunsOf(x) * Run;
        var count = Math.Min(Run, inner - start);
        var first = row / RunsOf(x) * x.Shape[1] * inner + start;
        for (var step = 0; step < x.Shape[1]; step++)
        {
            var at = first + (reverse ? x.Shape[1] - 1 - step : step) * inner;
            var before = at + (reverse ? inner : -inner);
            for (var i = 0; i < count; i++)
            {
                var sum = step == 0 ? T.Zero : _y[before + i];
                var term = !exclusive ? _x[at + i] : step == 0 ? T.Zero : _x[before + i];
                _y[at + i] = sum + term;
            }

            if (((step + 1) * count % 1024 < count) && context.Yield())
            {
                return false;
            }
        }

        return true;
    }

    private static int RunsOf(TensorRef x) => (x.Shape[2] + Run - 1) / Run;
}

/// <summary>One row is one outer position and one column.</summary>
internal sealed unsafe class HardmaxKernel(string name, TensorRef x, TensorRef y)
    : RowKernel(name, (long)x.Shape[0] * x.Shape[2], x.Shape[1] * 2.0, [x.Reads(), y.Writes()])
{
    private readonly float* _x = (float*)x.Pointer;
    private readonly float* _y = (float*)y.Pointer;

    protected override bool Row(long row, BlockContext context)
    {
        long inner = x.Shape[2], start = row / inner * x.Shape[1] * inner + row % inner;
        long best = 0;
        for (long i = 0; i < x.Shape[1]; i++)
        {
            best = _x[start + i * inner] > _x[start + best * inner] ? i : best;
            _y[start + i * inner] = 0;
            if ((i & 511) == 511 && context.Yield())
            {
                return false;
            }
        }

        _y[start + best * inner] = 1;
        return true;
    }
}
