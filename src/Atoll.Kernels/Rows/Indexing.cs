using System.Numerics;
using Atoll.Devices;

namespace Atoll.Kernels;

/// <summary>How an update joins the element that it meets.</summary>
public enum ScatterReduction
{
    None,
    Add,
    Multiply,
    Minimum,
    Maximum,
}

/// <summary>Makes kernels that read or write at places given by index tensors (dense, 32 or 64 bits).</summary>
public static class Indexing
{
    /// <summary>y[i…] = x[i… with the index along the axis]; y is dense and has the shape of the indices.</summary>
    public static CpuKernel GatherElements(string name, TensorRef x, TensorRef indices, int axis, TensorRef y)
    {
        Require(name, y.IsDense && y.Rank > 0, x, y);
        RequireInside(name, x, indices, axis);
        RequireCount(name, indices, y.Count);
        return new GatherElementsKernel(name, x, indices, axis, y);
    }

    /// <summary>Each index tuple (the last axis of the indices) picks a slice of the dense x.</summary>
    public static CpuKernel GatherTuples(string name, TensorRef x, TensorRef indices, int batchAxes, TensorRef y)
    {
        Require(name, x.IsDense && y.IsDense, x, y);
        var isBatch = indices.Shape[..batchAxes].AsSpan().SequenceEqual(x.Shape.AsSpan(0, batchAxes));
        var slice = Product(x.Shape[(batchAxes + indices.Shape[^1])..]);
        RequireCount(name, y, isBatch ? Product(indices.Shape[..^1]) * slice : -1);
        return new GatherTuplesKernel(name, x, indices, batchAxes, y);
    }

    /// <summary>y = x with updates at the indices along an axis; all dense.</summary>
    public static CpuKernel ScatterElements(
        string name, ScatterReduction reduction, ScalarType type, ScatterOperands operands, int axis)
    {
        RequireInside(name, operands.X, operands.Indices, axis);
        return Scatter(name, reduction, type, operands, ScatterPlaces.Elements(name, operands, axis));
    }

    /// <summary>y = x with slices of updates at index tuples; all dense.</summary>
    public static CpuKernel ScatterTuples(
        string name, ScatterReduction reduction, ScalarType type, ScatterOperands operands) =>
        Scatter(name, reduction, type, operands, ScatterPlaces.Tuples(name, operands));

    /// <summary>y = on where the index along the axis equals the place, else off; values are (off, on).</summary>
    public static CpuKernel OneHot(string name, TensorRef indices, TensorRef values, int axis, TensorRef y)
    {
        Require(name, y.IsDense && values.IsDense, values, y);
        RequireCount(name, values, 2);
        RequireCount(name, y, indices.Count * y.Shape[axis]);
        return new OneHotKernel(name, indices, values, axis, y);
    }

    /// <summary>
    /// Along axis 0 (or 1) of the dense x, the first lengths[b] elements of each index of the other axis in reverse
    /// order.
    /// </summary>
    public static CpuKernel ReverseSequence(string name, TensorRef x, TensorRef lengths, bool isTimeFirst, TensorRef y)
    {
        Require(name, x.IsDense && y.IsDense && x.Rank >= 2, x, y);
        RequireCount(name, lengths, x.Shape[isTimeFirst ? 1 : 0]);
        RequireCount(name, y, x.Count);
        return new ReverseSequenceKernel(name, x, lengths, isTimeFirst, y);
    }

    private static CpuKernel Scatter(
        string name, ScatterReduction reduction, ScalarType type, ScatterOperands operands, ScatterPlaces places)
    {
        Require(name, operands.X.IsDense && operands.Updates.IsDense && operands.Y.IsDense, operands.X, operands.Y);
        RequireCount(name, operands.Updates, places.Count * places.Run);
        RequireCount(name, operands.Y, operands.X.Count);
        return reduction != ScatterReduction.None
            ? ScalarTypes.Dispatch(type, new ScatterBuilder(name, reduction, operands, places))
            : operands.Y.ElementBytes switch
            {
                1 => new ScatterKernel<byte>(name, reduction, operands, places),
                2 => new ScatterKernel<ushort>(name, reduction, operands, places),
                4 => new ScatterKernel<uint>(name, reduction, operands, places),
                _ => new ScatterKernel<ulong>(name, reduction, operands, places),
            };
    }

    private static void Require(string name, bool fits, TensorRef x, TensorRef y)
    {
        if (!fits)
        {
            throw new ArgumentException($"{name}: {x} and {y} must be dense");
        }
    }

    private static void RequireCount(string name, TensorRef view, long count)
    {
        if (view.Count != count)
        {
            throw new ArgumentException($"{name}: {view} does not fit the other operands");
        }
    }

    private static void RequireInside(string name, TensorRef x, TensorRef indices, int axis)
    {
        var fits = x.Rank == indices.Rank;
        for (var i = 0; fits && i < x.Rank; i++)
        {
            fits = i == axis || indices.Shape[i] <= x.Shape[i];
        }

        if (!fits)
        {
            throw new ArgumentException($"{name}: {indices} reaches past {x} beside axis {axis}");
        }
    }

    private static long Product(int[] sizes) => sizes.Aggregate(1L, (count, size) => count * size);

    private sealed class ScatterBuilder(
        string name, ScatterReduction reduction, ScatterOperands operands, ScatterPlaces places) : INumberKernelBuilder
    {
        public CpuKernel Build<T>() where T : unmanaged, INumber<T> =>
            new ScatterKernel<T>(name, reduction, operands, places);
    }
}

/// <summary>The views of a scatter; y has the shape of x.</summary>
public sealed record ScatterOperands(TensorRef X, TensorRef Indices, TensorRef Updates, TensorRef Y);
