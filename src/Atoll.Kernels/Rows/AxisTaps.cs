using Atoll.Devices;

namespace Atoll.Kernels;

/// <summary>
/// How one axis is resized: each output is the sum of <see cref="PerOutput"/> weighted inputs, or the fill where it is
/// outside. Indices and weights have output × PerOutput elements.
/// </summary>
public sealed record AxisTaps(int[] Indices, float[] Weights, int PerOutput, bool[] Outside, float Fill);

/// <summary>Makes kernels that resize one axis of a dense tensor.</summary>
public static class Resizing
{
    /// <summary>
    /// x is (outer, n, inner), y (outer, m, inner), both dense. Elements are floats; with one tap of weight 1 for each
    /// output, and nothing outside, they may be of any size, since they are only moved.
    /// </summary>
    /// <exception cref="ArgumentException">A view is not dense, or the taps do not fit it.</exception>
    public static CpuKernel Create(string name, TensorRef x, TensorRef y, AxisTaps taps)
    {
        if (!x.IsDense || !y.IsDense || x.Rank != 3 || y.Rank != 3 || taps.Outside.Length != y.Shape[1] ||
            taps.Indices.Length != y.Shape[1] * taps.PerOutput ||
            Array.Exists(taps.Indices, i => i < 0 || i >= x.Shape[1]))
        {
            throw new ArgumentException($"{name}: {x}, {y} and the taps do not fit together");
        }

        var isMove = taps.PerOutput == 1 && Array.TrueForAll(taps.Weights, w => w == 1) &&
            !Array.Exists(taps.Outside, o => o);
        if (!isMove && x.ElementBytes != sizeof(float))
        {
            throw new NotSupportedException($"{name}: only floats are interpolated");
        }

        return isMove ? new PickAxisKernel(name, x, y, taps) : SimdSupport.Current switch
        {
            SimdLevel.Vector512 => new BlendAxisKernel<Lanes16>(name, x, y, taps),
            SimdLevel.Vector256 => new BlendAxisKernel<Lanes8>(name, x, y, taps),
            _ => new BlendAxisKernel<Lanes1>(name, x, y, taps),
        };
    }
}

/// <summary>One row is one output index of one outer position (or one outer position where inner is 1).</summary>
internal sealed unsafe class BlendAxisKernel<TLanes>(string name, TensorRef x, TensorRef y, AxisTaps taps)
    : RowKernel(name, y.Shape[2] == 1 ? y.Shape[0] : (long)y.Shape[0] * y.Shape[1], RowCost(y, taps.PerOutput),
        [x.Reads(), y.Writes()])
    where TLanes : struct, ILanes<TLanes>
{
    private const int Run = 512;
    private readonly float* _x = (float*)x.Pointer;
    private readonly float* _y = (float*)y.Pointer;
    private readonly int _from = x.Shape[1], _to = y.Shape[1], _inner = y.Shape[2];

    public static double RowCost(TensorRef y, int perOutput) =>
        y.Shape[2] == 1 ? y.Shape[1] * (1.0 + perOutput) : y.Shape[2] * (0.2 + 0.1 * perOutput) + 5;

    protected override bool Row(long row, BlockContext context)
    {
        if (_inner == 1)
        {
            return Line(_x + row * _from, _y + row * _to, context);
        }

        long outer = row / _to;
        var at = (int)(row % _to);
        var target = _y + row * _inner;
        for (var start = 0; start < _inner; start += Run)
        {
            Blend(_x + outer * _from * _inner + start, target + start, at, Math.Min(Run, _inner - start));
            if (context.Yield())
            {
                return false;
            }
        }

        return true;
    }

    private void Blend(float* source, float* target, int at, int count)
    {
        var i = 0;
        if (taps.Outside[at])
        {
            new Span<float>(target, count).Fill(taps.Fill);
            return;
        }

        for (; i + TLanes.Count <= count; i += TLanes.Count)
        {
            var sum = TLanes.Create(0);
            for (var k = at * taps.PerOutput; k < (at + 1) * taps.PerOutput; k++)
            {
                sum = TLanes.Fma(TLanes.Load(source + (long)taps.Indices[k] * _inner + i),
                    TLanes.Create(taps.Weights[k]), sum);
            }

            TLanes.Store(sum, target + i);
        }

        for (; i < count; i++)
        {
            target[i] = Sum(source + i, at, _inner);
        }
    }

    private bool Line(float* source, float* target, BlockContext context)
    {
        for (var at = 0; at < _to; at++)
        {
            target[at] = taps.Outside[at] ? taps.Fill : Sum(source, at, 1);
            if ((at & 255) == 255 && context.Yield())
            {
                return false;
            }
        }

        return true;
    }

    private float Sum(float* source, int at, long stride)
    {
        var sum = 0f;
        for (var k = at * taps.PerOutput; k < (at + 1) * taps.PerOutput; k++)
        {
            sum += source[taps.Indices[k] * stride] * taps.Weights[k];
        }

        return sum;
    }
}

/// <summary>Copies the input that each output picks; rows as in the interpolating kernel.</summary>
internal sealed unsafe class PickAxisKernel(string name, TensorRef x, TensorRef y, AxisTaps taps)
    : RowKernel(name, y.Shape[2] == 1 ? y.Shape[0] : (long)y.Shape[0] * y.Shape[1],
        y.Shape[2] == 1 ? y.Shape[1] : (double)y.Shape[2] * y.ElementBytes * 0.05 + 5, [x.Reads(), y.Writes()])
{
    private const int Run = 16384;
    private readonly int _from = x.Shape[1], _to = y.Shape[1];
    private readonly long _bytes = (long)y.Shape[2] * y.ElementBytes;
    private readonly bool _isLine = y.Shape[2] == 1;

    protected override bool Row(long row, BlockContext context)
    {
        var (outer, at) = _isLine ? (row, 0) : (row / _to, (int)(row % _to));
        var source = x.Pointer + outer * _from * _bytes;
        var target = y.Pointer + (_isLine ? row * _to : row) * _bytes;
        if (!_isLine)
        {
            source += taps.Indices[at] * _bytes;
            for (long done = 0; done < _bytes; done += Run)
            {
                var length = Math.Min(Run, _bytes - done);
                System.Buffer.MemoryCopy(source + done, target + done, length, length);
                if (context.Yield())
                {
                    return false;
                }
            }

            return true;
        }

        for (; at < _to; at++)
        {
            CopyElement(source + taps.Indices[at] * _bytes, target + at * _bytes);
            if ((at & 511) == 511 && context.Yield())
            {
                return false;
            }
        }

        return true;
    }

    private void CopyElement(byte* from, byte* to)
    {
        switch (_bytes)
        {
            case 1: *to = *from; break;
            case 2: *(ushort*)to = *(ushort*)from; break;
            case 4: *(uint*)to = *(uint*)from; break;
            default: *(ulong*)to = *(ulong*)from; break;
        }
    }
}
