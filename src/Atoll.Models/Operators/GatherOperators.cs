namespace Atoll.Models;

/// <summary>Operators that pick elements by index; negative indices count from the end.</summary>
internal static class GatherOperators
{
    public static IEnumerable<OperatorDefinition> All =>
    [
        new("Gather", InferGather, Gather) { InputsMin = 2, InputsMax = 2 },
        new("GatherElements", InferGatherElements, GatherElements) { InputsMin = 2, InputsMax = 2, SinceOpset = 11 },
    ];

    private static void InferGather(OperatorCall call)
    {
        ShapeRules.RequireIndices(call, 1);
        if (call.Shape(0) is not { } data || call.Shape(1) is not { } indices)
        {
            call.Set(0, call.Type(0), null);
            return;
        }
        var axis = call.Axis(call.Attributes.Int("axis"), data.Length);
        call.Set(0, call.Type(0), [.. data[..axis], .. indices, .. data[(axis + 1)..]]);
    }

    private static Tensor[] Gather(OperatorCall call)
    {
        var data = call.Input(0);
        var axis = call.Axis(call.Attributes.Int("axis"), data.Shape.Length);
        var indices = call.IntsOf(1);
        var outer = (int)ShapeRules.Product(data.Shape.Take(axis))!.Value;
        var row = (int)(ShapeRules.Product(data.Shape.Skip(axis + 1))!.Value * data.Type.SizeInBytes());
        var result = new byte[outer * indices.Length * row];
        for (var o = 0; o < outer; o++)
        {
            for (var i = 0; i < indices.Length; i++)
            {
                var from = (int)(o * data.Shape[axis] + Index(call, indices[i], data.Shape[axis])) * row;
                data.Data.AsSpan(from, row).CopyTo(result.AsSpan((o * indices.Length + i) * row));
            }
        }
        return [new Tensor(data.Type, call.OutputShape(), result)];
    }

    private static void InferGatherElements(OperatorCall call)
    {
        ShapeRules.RequireIndices(call, 1);
        if (call.Shape(0) is { } data)
        {
            ShapeRules.RequireInside(call, 1, 0, call.Axis(call.Attributes.Int("axis"), data.Length));
        }
        call.Set(0, call.Type(0), call.Shape(1));
    }

    private static Tensor[] GatherElements(OperatorCall call)
    {
        var data = call.Input(0);
        var shape = call.OutputShape();
        var axis = call.Axis(call.Attributes.Int("axis"), data.Shape.Length);
        var indices = call.IntsOf(1);
        var own = StridedWalk.RowMajor(data.Shape);
        var size = data.Type.SizeInBytes();
        var result = new byte[indices.Length * size];
        var strides = (long[])own.Clone();
        strides[axis] = 0;
        var walk = new StridedWalk(shape, strides);
        for (var i = 0; i < indices.Length; i++, walk.Next())
        {
            var from = (int)(walk.Offsets[0] + Index(call, indices[i], data.Shape[axis]) * own[axis]) * size;
            data.Data.AsSpan(from, size).CopyTo(result.AsSpan(i * size));
        }
        return [new Tensor(data.Type, shape, result)];
    }

    private static long Index(OperatorCall call, long index, long dim) => index >= -dim && index < dim
        ? index < 0 ? index + dim : index
        : throw call.Fail(ModelError.InvalidShape, $"index {index} is outside a dimension of {dim}");
}
