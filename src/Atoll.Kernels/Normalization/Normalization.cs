using Atoll.Devices;

namespace Atoll.Kernels;

/// <summary>Makes kernels that normalize floats: softmax, layer, instance, group and local response.</summary>
public static class Normalization
{
    /// <summary>Softmax, or its logarithm, along one axis; x and y have one shape and any strides.</summary>
    public static CpuKernel Softmax(string name, TensorRef x, int axis, TensorRef y, bool logarithm = false)
    {
        var plan = new RowPlan(x, axis, y);
        return SimdSupport.Current switch
        {
            SimdLevel.Vector512 => SoftmaxKernel<Lanes16>.Create(name, plan, logarithm),
            SimdLevel.Vector256 => SoftmaxKernel<Lanes8>.Create(name, plan, logarithm),
            _ => SoftmaxKernel<Lanes1>.Create(name, plan, logarithm),
        };
    }

    /// <summary>
    /// Normalizes over the axes from <paramref name="axis"/> to the last, which must be dense in x and y; scale and
    /// shift are dense with as many elements, or null.
    /// </summary>
    public static CpuKernel Layer(
        string name, TensorRef x, int axis, TensorRef? scale, TensorRef? shift, TensorRef y, float epsilon = 1e-5f)
    {
        axis = axis < 0 ? axis + x.Rank : axis;
        var length = x.Shape[axis..].Aggregate(1, (count, size) => count * size);
        if (!x.IsDenseFrom(axis) || !y.IsDenseFrom(axis) || scale?.Count is { } a && a != length
            || shift?.Count is { } b && b != length)
        {
            throw new ArgumentException($"{name}: {x} and {y} must be dense from axis {axis}, " +
                $"scale and shift {length} long");
        }

        var plan = new RowPlan(Flatten(x, axis, length), axis, Flatten(y, axis, length));
        return SimdSupport.Current switch
        {
            SimdLevel.Vector512 => new LayerNormalizationKernel<Lanes16>(name, plan, scale, shift, epsilon),
            SimdLevel.Vector256 => new LayerNormalizationKernel<Lanes8>(name, plan, scale, shift, epsilon),
            _ => new LayerNormalizationKernel<Lanes1>(name, plan, scale, shift, epsilon),
        };
    }

    /// <summary>
    /// x and y are [N, groups, channels of a group, space]; scale and shift are dense, one element per channel.
    /// Instance normalization has one channel in a group.
    /// </summary>
    public static CpuKernel Group(
        string name, TensorRef x, TensorRef scale, TensorRef shift, TensorRef y, float epsilon = 1e-5f)
    {
        var channels = x.Rank == 4 ? (long)x.Shape[1] * x.Shape[2] : -1;
        return scale.IsDense && shift.IsDense && scale.Count == channels && shift.Count == channels &&
            y.Shape.AsSpan().SequenceEqual(x.Shape)
            ? new InstanceNormalizationKernel(name, x, scale, shift, y, epsilon)
            : throw new ArgumentException($"{name}: {x} and {y} must have one shape of rank 4, {scale} and {shift} " +
                $"one number for each of {channels} channels");
    }

    /// <summary>x and y are [N, C, H, W] of any strides.</summary>
    public static CpuKernel LocalResponse(string name, TensorRef x, TensorRef y, LocalResponseOptions options) =>
        x.Rank == 4 && y.Shape.AsSpan().SequenceEqual(x.Shape) ? new LocalResponseKernel(name, x, y, options)
            : throw new ArgumentException($"{name}: {x} and {y} must have one shape of rank 4");

    private static TensorRef Flatten(TensorRef view, int axis, int length) => new(
        view.Buffer, view.OffsetBytes, view.ElementBytes, [.. view.Shape[..axis], length],
            [.. view.Strides[..axis], 1]);
}
