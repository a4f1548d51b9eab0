using System.Numerics;
using System.Runtime.Intrinsics;
using Atoll.Devices;

namespace Atoll.Kernels;

/// <summary>Makes kernels between floats and quantized integers: x = (q - zero point) scale.</summary>
public static class Quantization
{
    /// <summary>
    /// y = round(x / scale) + zero, ties to even, saturated to y's type; scale and zero broadcast to y.
    /// </summary>
    public static CpuKernel Quantize(
        string name, ScalarType type, TensorRef x, TensorRef scale, TensorRef zero, TensorRef y)
    {
        x = x.BroadcastTo(y.Shape);
        scale = scale.BroadcastTo(y.Shape);
        zero = zero.BroadcastTo(y.Shape);
        return type switch
        {
            ScalarType.UInt8 => new QuantizeKernel<byte>(name, x, scale, zero, y),
            ScalarType.Int8 => new QuantizeKernel<sbyte>(name, x, scale, zero, y),
            ScalarType.UInt16 => new QuantizeKernel<ushort>(name, x, scale, zero, y),
            ScalarType.Int16 => new QuantizeKernel<short>(name, x, scale, zero, y),
            _ => throw new NotSupportedException($"{name}: floats are not quantized to {type}"),
        };
    }

    /// <summary>y = (x - zero) scale, y floats; scale and zero broadcast to y.</summary>
    public static CpuKernel Dequantize(
        string name, ScalarType type, TensorRef x, TensorRef scale, TensorRef zero, TensorRef y)
    {
        x = x.BroadcastTo(y.Shape);
        scale = scale.BroadcastTo(y.Shape);
        zero = zero.BroadcastTo(y.Shape);
        return type switch
        {
            ScalarType.UInt8 => new DequantizeKernel<byte>(name, x, scale, zero, y),
            ScalarType.Int8 => new DequantizeKernel<sbyte>(name, x, scale, zero, y),
            ScalarType.UInt16 => new DequantizeKernel<ushort>(name, x, scale, zero, y),
            ScalarType.Int16 => new DequantizeKernel<short>(name, x, scale, zero, y),
            ScalarType.Int32 => new DequantizeKernel<int>(name, x, scale, zero, y),
            _ => throw new NotSupportedException($"{name}: {type} is no type of quantized numbers"),
        };
    }

    /// <summary>Floats of x that a part of <see cref="Range"/> looks at.</summary>
    public const int RangePart = 8192;

    /// <summary>
    /// The scale (a float) and zero point (a byte) that map the range of x, widened to hold zero, to 0..255; x is
    /// contiguous.
    /// </summary>
    /// <param name="name">Of the kernels.</param>
    /// <param name="x">Floats.</param>
    /// <param name="parts">Room for two floats for each <see cref="RangePart"/> of x.</param>
    /// <param name="scale">One float.</param>
    /// <param name="zero">One byte.</param>
    public static IReadOnlyList<CpuKernel> Range(
        string name, TensorRef x, TensorRef parts, TensorRef scale, TensorRef zero) =>
        (x.IsContiguous || x.Count == 0) && parts.IsDense && parts.Count * RangePart >= 2 * x.Count
            ? [new RangePartsKernel(name, x, parts), new QuantizedRangeKernel(name, parts, scale, zero)]
            : throw new ArgumentException(
                $"{name}: {x} must lie in one run of memory, {parts} have room for its parts");

    /// <summary>
    /// The largest byte under a window, for x and y [N, H, W, C] with contiguous channels; padding never wins.
    /// </summary>
    public static CpuKernel MaximumPool(string name, TensorRef x, TensorRef y, (int Height, int Width) window,
        ConvolutionGeometry geometry, bool isSigned) =>
        new BytePoolKernel(name, x, y, new BytePoolWindow(window.Height, window.Width, geometry, isSigned));
}

/// <summary>The quotient is a float's, as the standard has it.</summary>
internal sealed unsafe class QuantizeKernel<T>(
    string name, TensorRef x, TensorRef scale, TensorRef zero, TensorRef y)
    : StridedKernel(name, new StridedPlan(0.25, x, scale, zero, y), AccessesOf(x, scale, zero, y))
    where T : unmanaged, INumber<T>, IMinMaxValue<T>
{
    protected override void Run(byte** operands, int count)
    {
        float low = float.CreateTruncating(T.MinValue), high = float.CreateTruncating(T.MaxValue);
        for (var i = HasLanes ? RunLanes(operands, count) : 0; i < count; i++)
        {
            var quotient = *(float*)(operands[0] + i * Plan.Inner(0)) / *(float*)(operands[1] + i * Plan.Inner(1));
            var zero = float.CreateTruncating(*(T*)(operands[2] + i * Plan.Inner(2)));
            // Comparisons, not a clamp: a quotient that is no number becomes the smallest value.
            var value = MathF.Round(quotient) + zero;
            value = value < high ? value > low ? value : low : value >= high ? high : low;
            *(T*)(operands[3] + i * Plan.Inner(3)) = T.CreateTruncating((int)value);
        }
    }

    // One scale and zero point for a run of neighbours, bytes as results.
    private bool HasLanes => sizeof(T) == 1 && Plan.Inner(0) == sizeof(float) && Plan.Inner(1) == 0 &&
        Plan.Inner(2) == 0 && Plan.Inner(3) == 1;

    private static int RunLanes(byte** operands, int count)
    {
        var zero = float.CreateTruncating(*(T*)operands[2]);
        var scale = Vector512.Create(*(float*)operands[1]);
        var low = Vector512.Create(float.CreateTruncating(T.MinValue) - zero);
        var high = Vector512.Create(float.CreateTruncating(T.MaxValue) - zero);
        var i = 0;
        for (; i + ByteLanes.Count <= count; i += ByteLanes.Count)
        {
            // The maximum of a value that is no number and the lower limit is the limit.
            var quotient = ByteLanes.Clamp(Vector512.Load((float*)operands[0] + i) / scale, low, high);
            ByteLanes.Narrow(ByteLanes.Round(quotient) + Vector512.Create((int)zero)).Store(operands[3] + i);
        }

        return i;
    }
}

internal sealed unsafe class DequantizeKernel<T>(
    string name, TensorRef x, TensorRef scale, TensorRef zero, TensorRef y)
    : StridedKernel(name, new StridedPlan(0.25, x, scale, zero, y), AccessesOf(x, scale, zero, y))
    where T : unmanaged, INumber<T>
{
    protected override void Run(byte** operands, int count)
    {
        for (var i = HasLanes ? RunLanes(operands, count) : 0; i < count; i++)
        {
            var zero = *(T*)(operands[2] + i * Plan.Inner(2));
            var difference = int.CreateTruncating(*(T*)(operands[0] + i * Plan.Inner(0))) - int.CreateTruncating(zero);
            *(float*)(operands[3] + i * Plan.Inner(3)) = difference * *(float*)(operands[1] + i * Plan.Inner(1));
        }
    }

    private bool HasLanes => sizeof(T) == 1 && Plan.Inner(0) == 1 && Plan.Inner(1) == 0 && Plan.Inner(2) == 0 &&
        Plan.Inner(3) == sizeof(float);

    private static int RunLanes(byte** operands, int count)
    {
        var zero = Vector512.Create(int.CreateTruncating(*(T*)operands[2]));
        var scale = Vector512.Create(*(float*)operands[1]);
        var i = 0;
        for (; i + ByteLanes.Count <= count; i += ByteLanes.Count)
        {
            var difference = ByteLanes.Widen(operands[0] + i, typeof(T) == typeof(sbyte)) - zero;
            (Vector512.ConvertToSingle(difference) * scale).Store((float*)operands[3] + i);
        }

        return i;
    }
}

/// <summary>Smallest and largest float of each part.</summary>
internal sealed unsafe class RangePartsKernel(string name, TensorRef x, TensorRef parts)
    : RowKernel(name, parts.Count / 2, 800, [x.Reads(), parts.Writes()])
{
    protected override bool Row(long row, BlockContext context)
    {
        var values = (float*)x.Pointer + row * Quantization.RangePart;
        var count = Math.Min(Quantization.RangePart, x.Count - row * Quantization.RangePart);
        var (low, high) = (Vector512<float>.Zero, Vector512<float>.Zero);
        var i = 0L;
        for (; i + Vector512<float>.Count <= count; i += Vector512<float>.Count)
        {
            var lanes = Vector512.Load(values + i);
            low = Vector512.Min(low, lanes);
            high = Vector512.Max(high, lanes);
        }

        var (least, most) = (0f, 0f);
        for (var lane = 0; lane < Vector512<float>.Count; lane++)
        {
            (least, most) = (MathF.Min(least, low[lane]), MathF.Max(most, high[lane]));
        }

        for (; i < count; i++)
        {
            (least, most) = (MathF.Min(least, values[i]), MathF.Max(most, values[i]));
        }

        ((float*)parts.Pointer)[2 * row] = least;
        ((float*)parts.Pointer)[2 * row + 1] = most;
        return true;
    }
}

internal sealed unsafe class QuantizedRangeKernel(string name, TensorRef parts, TensorRef scale, TensorRef zero)
    : CpuKernel(name, 1, [parts.Reads(), scale.Writes(), zero.Writes()])
{
    public override void RunBlock(int block, BlockContext context)
    {
        var (least, most) = (0f, 0f);
        for (var i = 0; i < parts.Count; i += 2)
        {
            least = MathF.Min(least, ((float*)parts.Pointer)[i]);
            most = MathF.Max(most, ((float*)parts.Pointer)[i + 1]);
            if (i % RangesBetweenYields == 0 && context.Yield())
            {
                return;
            }
        }

        var step = (most - least) / 255;
        *(float*)scale.Pointer = step;
        *zero.Pointer = step == 0 ? (byte)0 : (byte)Math.Clamp(MathF.Round(-least / step), 0, 255);
        context.Yield();
    }

    private const int RangesBetweenYields = 1024;
}
