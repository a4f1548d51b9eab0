using System.Numerics;

namespace Atoll.Models;

/// <summary>
/// Operators that write elements or slices at places given by indices; negative indices count from the end.
/// </summary>
internal static class ScatterOperators
{
    public static IEnumerable<OperatorDefinition> All =>
    [
        new("GatherND", InferGatherNd, GatherNd) { InputsMin = 2, InputsMax = 2, SinceOpset = 11 },
        new("ScatterElements", InferScatterElements, ScatterElements) { InputsMin = 3, InputsMax = 3, SinceOpset = 11 },
        new("Scatter", InferScatterElements, ScatterElements) { InputsMin = 3, InputsMax = 3, SinceOpset = 9,
            UntilOpset = 10 },
        new("ScatterND", InferScatterNd, ScatterNd) { InputsMin = 3, InputsMax = 3, SinceOpset = 11 },
    ];

    public static long Index(OperatorCall call, long index, long dim) => index >= -dim && index < dim
        ? index < 0 ? index + dim : index
        : throw call.Fail(ModelError.InvalidShape, $"index {index} is outside a dimension of {dim}");

    private static void InferGatherNd(OperatorCall call)
    {
        ShapeRules.RequireIndices(call, 1);
        if (call.Shape(0) is not { } data || call.Shape(1) is not [.., >= 0] || call.Shape(1) is not { } indices)
        {
            call.Set(0, call.Type(0), null);
            return;
        }
        var batch = (int)call.Attributes.Int("batch_dims");
        if (batch < 0 || batch >= indices.Length || batch + indices[^1] > data.Length)
        {
            throw call.Fail(ModelError.InvalidShape, $"{indices[^1]} indices after {batch} batch axes do not fit");
        }
        ShapeRules.RequireShape(call, 1, [.. data[..batch], .. indices[batch..]]);
        call.Set(0, call.Type(0), [.. indices[..^1], .. data[(batch + (int)indices[^1])..]]);
    }

    private static Tensor[] GatherNd(OperatorCall call)
    {
        var (data, indices) = (call.Input(0), call.IntsOf(1));
        var shape = call.Input(1).Shape;
        var batch = (int)call.Attributes.Int("batch_dims");
        var depth = (int)shape[^1];
        var strides = StridedWalk.RowMajor(data.Shape);
        var row = WideTensor.Count(data.Shape.Skip(batch + depth)) * data.Type.SizeInBytes();
        var rows = WideTensor.Count(shape[..^1]);
        var perBatch = Math.Max(1, WideTensor.Count(shape[batch..^1]));
        var batchSize = WideTensor.Count(data.Shape.Skip(batch));
        var result = new byte[rows * row];
        for (var i = 0; i < rows; i++)
        {
            long from = i / perBatch * batchSize;
            for (var k = 0; k < depth; k++)
            {
                from += Index(call, indices[i * depth + k], data.Shape[batch + k]) * strides[batch + k];
            }
            data.Data.AsSpan((int)from * data.Type.SizeInBytes(), row).CopyTo(result.AsSpan(i * row));
        }
        return [new Tensor(data.Type, call.OutputShape(), result)];
    }

    /// <summary>One update for each index, and no index beside the data.</summary>
    private static void InferScatterElements(OperatorCall call)
    {
        InferScatter(call);
        if (call.Shape(0) is { } data)
        {
            ShapeRules.RequireInside(call, 1, 0, call.Axis(call.Attributes.Int("axis"), data.Length));
        }
        if (call.Shape(1) is { } indices)
        {
            ShapeRules.RequireShape(call, 2, indices);
        }
    }

    /// <summary>A slice of updates for each tuple of indices.</summary>
    private static void InferScatterNd(OperatorCall call)
    {
        InferScatter(call);
        if (call.Shape(0) is not { } data || call.Shape(1) is not { } indices)
        {
            return;
        }
        if (indices.Length == 0 || indices[^1] > data.Length)
        {
            throw call.Fail(ModelError.InvalidShape, "its indices are no tuples of axes of the data");
        }
        if (indices[^1] >= 0)
        {
            ShapeRules.RequireShape(call, 2, [.. indices[..^1], .. data[(int)indices[^1]..]]);
        }
    }

    private static void InferScatter(OperatorCall call)
    {
        ShapeRules.RequireIndices(call, 1);
        if (call.Type(0) != call.Type(2))
        {
            throw call.Fail(ModelError.UnsupportedType, "data and updates differ in type");
        }
        ShapeRules.SameAsFirst(call);
    }

    private static Tensor[] ScatterElements(OperatorCall call)
    {
        var (data, indices) = (call.Input(0), call.IntsOf(1));
        var shape = call.Input(1).Shape;
        var axis = call.Axis(call.Attributes.Int("axis"), data.Shape.Length);
        var own = StridedWalk.RowMajor(data.Shape);
        var strides = (long[])own.Clone();
        strides[axis] = 0;
        var walk = new StridedWalk(shape, strides);
        var places = new long[indices.Length];
        for (var i = 0; i < places.Length; i++, walk.Next())
        {
            places[i] = walk.Offsets[0] + Index(call, indices[i], data.Shape[axis]) * own[axis];
        }
        return [Write(call, places, 1)];
    }

    private static Tensor[] ScatterNd(OperatorCall call)
    {
        var (data, indices) = (call.Input(0), call.IntsOf(1));
        var shape = call.Input(1).Shape;
        var depth = (int)shape[^1];
        var strides = StridedWalk.RowMajor(data.Shape);
        var places = new long[WideTensor.Count(shape[..^1])];
        for (var i = 0; i < places.Length; i++)
        {
            for (var k = 0; k < depth; k++)
            {
                places[i] += Index(call, indices[i * depth + k], data.Shape[k]) * strides[k];
            }
        }
        return [Write(call, places, WideTensor.Count(data.Shape.Skip(depth)))];
    }

    /// <summary>Joins runs of updates into a copy of the data, in order.</summary>
    private static Tensor Write(OperatorCall call, long[] places, int run)
    {
        var (data, updates) = (call.Input(0), call.Input(2));
        var reduction = call.Attributes.Text("reduction", "none");
        if (reduction != "none")
        {
            return NumericDispatch.Run(call, data.Type, new JoinAction(call, places, run, reduction));
        }
        var bytes = run * data.Type.SizeInBytes();
        var result = (byte[])data.Data.Clone();
        for (var i = 0; i < places.Length; i++)
        {
            updates.Data.AsSpan(i * bytes, bytes).CopyTo(result.AsSpan((int)places[i] * data.Type.SizeInBytes()));
        }
        return new Tensor(data.Type, data.Shape, result);
    }

    private readonly record struct JoinAction(OperatorCall Call, long[] Places, int Length, string Reduction)
        : INumericAction
    {
        public Tensor Run<T>() where T : unmanaged, INumber<T>
        {
            var result = Call.Input(0).AsSpan<T>().ToArray();
            var updates = Call.Input(2).AsSpan<T>();
            for (var i = 0; i < Places.Length * Length; i++)
            {
                ref var target = ref result[Places[i / Length] + i % Length];
                target = Reduction switch
                {
                    "add" => target + updates[i],
                    "mul" => target * updates[i],
                    "min" => T.Min(target, updates[i]),
                    "max" => T.Max(target, updates[i]),
                    _ => throw Call.Fail(ModelError.InvalidAttribute, $"reduction '{Reduction}' is not known"),
                };
            }
            return Tensor.Of<T>(Call.Type(0), Call.Input(0).Shape, result);
        }
    }
}
