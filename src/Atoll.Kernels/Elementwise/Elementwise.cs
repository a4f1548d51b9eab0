using System.Numerics;
using Atoll.Devices;

namespace Atoll.Kernels;

/// <summary>
/// Makes kernels that compute each element of y from the elements at the same place; operands broadcast to y's shape.
/// </summary>
public static class Elementwise
{
    /// <summary>y = f(x) on 32-bit floats; parameters default to what ONNX says for the function.</summary>
    public static CpuKernel Unary(
        string name, UnaryOperator function, TensorRef x, TensorRef y, float alpha = 0, float beta = 0)
    {
        x = x.BroadcastTo(y.Shape);
        return UnaryKernels.Scalar(name, function, x, y)
            ?? SimdSupport.Current switch
            {
                SimdLevel.Vector512 => UnaryKernels.Vector<Lanes16>(name, function, x, y, alpha, beta),
                SimdLevel.Vector256 => UnaryKernels.Vector<Lanes8>(name, function, x, y, alpha, beta),
                _ => UnaryKernels.Vector<Lanes1>(name, function, x, y, alpha, beta),
            };
    }

    /// <summary>Negate, Abs, Sign on any numeric type.</summary>
    /// <exception cref="NotSupportedException">Another function, on a type other than Float32.</exception>
    public static CpuKernel Unary(string name, UnaryOperator function, ScalarType type, TensorRef x, TensorRef y)
    {
        if (type == ScalarType.Float32)
        {
            return Unary(name, function, x, y);
        }

        x = x.BroadcastTo(y.Shape);
        return ScalarTypes.Dispatch(type, new UnaryKernels.NumberBuilder(name, function, x, y));
    }

    /// <summary>y = not x on one-byte booleans.</summary>
    public static CpuKernel Not(string name, TensorRef x, TensorRef y) =>
        new ScalarUnaryKernel<byte>(name, x.BroadcastTo(y.Shape), y, value => value == 0 ? (byte)1 : (byte)0);

    /// <summary>y = 1 where x is NaN (a float), as one-byte booleans.</summary>
    public static CpuKernel IsNaN(string name, TensorRef x, TensorRef y)
    {
        x = x.BroadcastTo(y.Shape);
        return new IsNaNKernel(name, x, y);
    }

    /// <summary>y = 1 where x is an infinity (a float) of a sign that counts, as one-byte booleans.</summary>
    public static CpuKernel IsInfinite(string name, TensorRef x, TensorRef y, bool negative, bool positive) =>
        new IsInfiniteKernel(name, x.BroadcastTo(y.Shape), y, negative, positive);

    /// <summary>y = f(a, b); a and b have the given type, y the same or one-byte booleans for comparisons.</summary>
    public static CpuKernel Binary(
        string name, BinaryOperator function, ScalarType type, TensorRef a, TensorRef b, TensorRef y)
    {
        a = a.BroadcastTo(y.Shape);
        b = b.BroadcastTo(y.Shape);
        CpuKernel? kernel = type != ScalarType.Float32 ? null : SimdSupport.Current switch
        {
            SimdLevel.Vector512 => BinaryKernelBuilder.Vector<Lanes16>(name, function, a, b, y),
            SimdLevel.Vector256 => BinaryKernelBuilder.Vector<Lanes8>(name, function, a, b, y),
            _ => BinaryKernelBuilder.Vector<Lanes1>(name, function, a, b, y),
        };
        return kernel ?? ScalarTypes.Dispatch(type, new BinaryKernelBuilder(name, function, a, b, y));
    }

    /// <summary>y = a where the one-byte condition is set, otherwise b.</summary>
    public static CpuKernel Where(string name, TensorRef condition, TensorRef a, TensorRef b, TensorRef y)
    {
        condition = condition.BroadcastTo(y.Shape);
        a = a.BroadcastTo(y.Shape);
        b = b.BroadcastTo(y.Shape);
        return y.ElementBytes switch
        {
            1 => new WhereKernel<byte>(name, condition, a, b, y),
            2 => new WhereKernel<ushort>(name, condition, a, b, y),
            4 => new WhereKernel<uint>(name, condition, a, b, y),
            8 => new WhereKernel<ulong>(name, condition, a, b, y),
            _ => throw new NotSupportedException($"{name}: elements of {y.ElementBytes} bytes"),
        };
    }

    /// <summary>y = activation(x scale + shift) on floats.</summary>
    public static CpuKernel ScaleShift(
        string name, TensorRef x, TensorRef scale, TensorRef shift, TensorRef y, Activation activation)
    {
        x = x.BroadcastTo(y.Shape);
        scale = scale.BroadcastTo(y.Shape);
        shift = shift.BroadcastTo(y.Shape);
        return SimdSupport.Current switch
        {
            SimdLevel.Vector512 => new ScaleShiftKernel<Lanes16>(name, x, scale, shift, y, activation),
            SimdLevel.Vector256 => new ScaleShiftKernel<Lanes8>(name, x, scale, shift, y, activation),
            _ => new ScaleShiftKernel<Lanes1>(name, x, scale, shift, y, activation),
        };
    }

    /// <summary>Converts between types; to Bool gives 0 or 1, floats to integers truncate and saturate, integers
    /// to narrower ones lose their high bits.</summary>
    public static CpuKernel Cast(string name, ScalarType from, TensorRef x, ScalarType to, TensorRef y)
    {
        x = x.BroadcastTo(y.Shape);
        return from == to ? Copy(name, x, y)
            : from == ScalarType.BFloat16 && to == ScalarType.Float32 ? new WidenBFloat16Kernel(name, x, y)
            : from == ScalarType.Float32 && to == ScalarType.BFloat16 ? new NarrowBFloat16Kernel(name, x, y)
            : ScalarTypes.Dispatch(from, new CastBuilder(name, x, to, y));
    }

    /// <summary>
    /// y = x, whatever their strides: transpose, slice, a part of a concatenation or padding, expand.
    /// </summary>
    public static CpuKernel Copy(string name, TensorRef x, TensorRef y)
    {
        x = x.BroadcastTo(y.Shape);
        return y.ElementBytes switch
        {
            1 => new CopyKernel<byte>(name, x, y),
            2 => new CopyKernel<ushort>(name, x, y),
            4 => InterleaveKernel.TryCreate(name, x, y) ?? TransposeKernel.TryCreate(name, x, y)
                ?? (CpuKernel)new CopyKernel<uint>(name, x, y),
            8 => new CopyKernel<ulong>(name, x, y),
            _ => throw new NotSupportedException($"{name}: elements of {y.ElementBytes} bytes"),
        };
    }

    /// <summary>Writes one value to all of y, e.g. around a padded copy.</summary>
    public static CpuKernel Fill<T>(string name, TensorRef y, T value) where T : unmanaged, INumber<T> =>
        new FillKernel<T>(name, y, value);
}
