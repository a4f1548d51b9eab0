using System.Numerics;
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

    /// <summary>
    /// The scale (a float) and zero point (a byte) that map the range of the data, widened to hold zero, to 0..255.
    /// </summary>
    public static CpuKernel Range(string name, TensorRef low, TensorRef high, TensorRef scale, TensorRef zero) =>
        new QuantizedRangeKernel(name, low, high, scale, zero);
}

/// <summary>The quotient is a float's, as the standard has it.</summary>
internal sealed unsafe class QuantizeKernel<T>(
    string name, TensorRef x, TensorRef scale, TensorRef zero, TensorRef y)
    : StridedKernel(name, new StridedPlan(2, x, scale, zero, y), AccessesOf(x, scale, zero, y))
    where T : unmanaged, INumber<T>, IMinMaxValue<T>
{
    protected override void Run(byte** operands, int count)
    {
        float low = float.CreateTruncating(T.MinValue), high = float.CreateTruncating(T.MaxValue);
        for (var i = 0; i < count; i++)
        {
            var quotient = *(float*)(operands[0] + i * Plan.Inner(0)) / *(float*)(operands[1] + i * Plan.Inner(1));
            var zero = float.CreateTruncating(*(T*)(operands[2] + i * Plan.Inner(2)));
            // Comparisons, not a clamp: a quotient that is no number becomes the smallest value.
            var value = MathF.Round(quotient) + zero;
            value = value < high ? value > low ? value : low : value >= high ? high : low;
            *(T*)(operands[3] + i * Plan.Inner(3)) = T.CreateTruncating((int)value);
        }
    }
}

internal sealed unsafe class DequantizeKernel<T>(
    string name, TensorRef x, TensorRef scale, TensorRef zero, TensorRef y)
    : StridedKernel(name, new StridedPlan(1.5, x, scale, zero, y), AccessesOf(x, scale, zero, y))
    where T : unmanaged, INumber<T>
{
    protected override void Run(byte** operands, int count)
    {
        for (var i = 0; i < count; i++)
        {
            var zero = *(T*)(operands[2] + i * Plan.Inner(2));
            var difference = int.CreateTruncating(*(T*)(operands[0] + i * Plan.Inner(0))) - int.CreateTruncating(zero);
            *(float*)(operands[3] + i * Plan.Inner(3)) = difference * *(float*)(operands[1] + i * Plan.Inner(1));
        }
    }
}

internal sealed unsafe class QuantizedRangeKernel(
    string name, TensorRef low, TensorRef high, TensorRef scale, TensorRef zero)
    : CpuKernel(name, 1, [low.Reads(), high.Reads(), scale.Writes(), zero.Writes()])
{
    public override void RunBlock(int block, BlockContext context)
    {
        float least = MathF.Min(*(float*)low.Pointer, 0), most = MathF.Max(*(float*)high.Pointer, 0);
        var step = (most - least) / 255;
        *(float*)scale.Pointer = step;
        *zero.Pointer = step == 0 ? (byte)0 : (byte)Math.Clamp(MathF.Round(-least / step), 0, 255);
        context.Yield();
    }
}
