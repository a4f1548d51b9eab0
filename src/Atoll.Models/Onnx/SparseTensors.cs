using Atoll.Models.Onnx;

namespace Atoll.Models;

/// <summary>Stored sparse tensors as dense ones: zeros, and the values at their indices.</summary>
internal static class SparseTensors
{
    /// <exception cref="ModelException">Malformed, or the dense form passes a limit.</exception>
    public static Tensor Read(SparseTensorProto proto, TensorReader tensors, string name)
    {
        var where = $"sparse tensor '{name}'";
        if (proto.Values is null || proto.Indices is null)
        {
            throw new ModelException(ModelError.Malformed, $"{where} lacks its values or its indices");
        }

        var (values, indices) = (tensors.Read(proto.Values, name), tensors.Read(proto.Indices, name));
        if (values.Type == ElementType.String || indices.Type != ElementType.Int64)
        {
            throw new ModelException(ModelError.UnsupportedType,
                $"{where} has values of {values.Type} and indices of {indices.Type}");
        }

        var shape = proto.Dims.ToArray();
        var data = tensors.Zeros(values.Type, shape, where);
        var size = values.Type.SizeInBytes();
        var places = Places(indices, shape, checked((int)values.ElementCount), where);
        for (var i = 0; i < places.Length; i++)
        {
            values.Data.AsSpan(i * size, size).CopyTo(data.AsSpan(checked((int)(places[i] * size))));
        }

        return new Tensor(values.Type, shape, data);
    }

    // [count] places in row-major order, or [count, rank] coordinates.
    private static long[] Places(Tensor indices, long[] shape, int count, string where)
    {
        var numbers = indices.AsSpan<long>();
        var places = new long[count];
        var isLinear = indices.Shape is [var linear] && linear == count;
        if (!isLinear && !(indices.Shape is [var rows, var rank] && rows == count && rank == shape.Length))
        {
            throw new ModelException(ModelError.InvalidShape,
                $"{where} has {count} values and indices of [{string.Join(',', indices.Shape)}]");
        }

        var elements = shape.Aggregate(1L, (a, b) => a * b);
        var strides = StridedWalk.RowMajor(shape);
        for (var i = 0; i < count; i++)
        {
            var isInside = true;
            for (var axis = 0; axis < shape.Length && !isLinear; axis++)
            {
                var at = numbers[(i * shape.Length) + axis];
                isInside &= at >= 0 && at < shape[axis];
                places[i] += isInside ? at * strides[axis] : 0;
            }

            places[i] = isLinear ? numbers[i] : places[i];
            if (!isInside || places[i] < 0 || places[i] >= elements)
            {
                throw new ModelException(ModelError.InvalidShape, $"{where}: value {i} lies outside the tensor");
            }
        }

        return places;
    }
}
