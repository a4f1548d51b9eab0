namespace Atoll.Models;

/// <summary>Operators that make, change and read sequences of tensors.</summary>
internal static class SequenceOperators
{
    public static IEnumerable<OperatorDefinition> All =>
    [
        Define("SequenceConstruct", InferConstruct, Construct) with { InputsMax = int.MaxValue },
        Define("SequenceEmpty", call => call.Set(0, Of(Dtype(call))), call => [New(call, [])]) with { InputsMin = 0 },
        Define("SequenceInsert", InferChanged, Insert) with { InputsMin = 2, InputsMax = 3 },
        Define("SequenceErase", InferChanged, Erase) with { InputsMax = 2 },
        Define("SequenceAt", InferItem, call => [call.Sequence(0).Items[Position(call, 1, 0)]]) with
        {
            InputsMin = 2, InputsMax = 2,
        },
        Define("SequenceLength", InferLength, call => [Tensor.Int64([], [call.Sequence(0).Items.Count])]),
        Define("SplitToSequence", InferSplit, Split) with { InputsMax = 2 },
        Define("ConcatFromSequence", InferConcat, Concat),
    ];

    private static OperatorDefinition Define(string name, Action<OperatorCall> infer,
        Func<OperatorCall, ModelValue[]> evaluate) =>
        new(name, infer, evaluate) { SinceOpset = 11, TakesContainers = true, Strings = StringSupport.Own };

    private static ContainerType Of(ElementType element) => new(ContainerKind.Sequence, element);

    private static ElementType Dtype(OperatorCall call) =>
        TensorReader.TypeOf((int)call.Attributes.Int("dtype", (long)ElementType.Float32), "attribute 'dtype'");

    private static ValueSequence New(OperatorCall call, IReadOnlyList<ModelValue> items) =>
        new(call.Output(0).Container!, items);

    private static ContainerType Sequence(OperatorCall call) =>
        call.Container(0) is { Kind: ContainerKind.Sequence } sequence ? sequence
        : throw call.Fail(ModelError.UnsupportedType, "input 0 is no sequence");

    private static void InferConstruct(OperatorCall call)
    {
        ShapeRules.RequireSameType(call);
        call.Set(0, Of(call.Type(0)));
    }

    private static ModelValue[] Construct(OperatorCall call) =>
        [New(call, [.. Enumerable.Range(0, call.InputCount).Select(call.Input)])];

    private static void InferChanged(OperatorCall call)
    {
        var sequence = Sequence(call);
        call.Set(0, sequence.Element == ElementType.Undefined && call.Node.Operator == "SequenceInsert"
            ? Of(call.Type(1)) : sequence);
    }

    private static ModelValue[] Insert(OperatorCall call)
    {
        List<ModelValue> items = [.. call.Sequence(0).Items];
        items.Insert(call.Has(2) ? Position(call, 2, 1) : items.Count, call.Input(1));
        call.Budget.CheckBytes(items.Sum(i => i.ByteCount));
        return [New(call, items)];
    }

    private static ModelValue[] Erase(OperatorCall call)
    {
        List<ModelValue> items = [.. call.Sequence(0).Items];
        items.RemoveAt(call.Has(1) ? Position(call, 1, 0) : items.Count - 1);
        return [New(call, items)];
    }

    private static void InferItem(OperatorCall call)
    {
        var sequence = Sequence(call);
        if (sequence.Item is { } item)
        {
            call.Set(0, item);
            return;
        }

        call.Set(0, sequence.Element, null);
    }

    private static void InferLength(OperatorCall call)
    {
        Sequence(call);
        call.Set(0, ElementType.Int64, []);
    }

    /// <summary>
    /// A place in the sequence, from its end when negative; <paramref name="beyond"/> allows its end.
    /// </summary>
    private static int Position(OperatorCall call, int input, int beyond)
    {
        var count = call.Sequence(0).Items.Count;
        var given = call.IntsOf(input) is [var only] ? only
            : throw call.Fail(ModelError.InvalidShape, $"input {input} is not one position");
        var at = given < 0 ? given + count : given;
        return at >= 0 && at < count + beyond ? (int)at
            : throw call.Fail(ModelError.InvalidShape, $"position {given} is outside a sequence of {count} items");
    }

    private static void InferSplit(OperatorCall call)
    {
        call.RequireRank(0, 1);
        call.Set(0, Of(call.Type(0)));
    }

    private static ModelValue[] Split(OperatorCall call)
    {
        var input = call.Input(0);
        var axis = call.Axis(call.Attributes.Int("axis"), input.Shape.Length);
        var keeps = call.Has(1) || call.Attributes.Int("keepdims", 1) != 0;
        var items = new List<ModelValue>();
        var at = 0L;
        foreach (var size in Sizes(call, input.Shape[axis]))
        {
            items.Add(Part(input, axis, (at, size), keeps));
            at += size;
        }

        return [New(call, items)];
    }

    /// <summary>One by one, in equal parts whose last may be smaller, or as a list says.</summary>
    private static long[] Sizes(OperatorCall call, long dim)
    {
        if (!call.Has(1))
        {
            return [.. Enumerable.Repeat(1L, checked((int)dim))];
        }

        var sizes = call.IntsOf(1);
        if (call.Shape(1) is [] && sizes[0] > 0)
        {
            var size = sizes[0];
            return [.. Enumerable.Range(0, checked((int)((dim + size - 1) / size))).Select(i =>
                Math.Min(size, dim - i * size))];
        }

        return call.Shape(1) is { Length: 1 } && Array.TrueForAll(sizes, s => s >= 0 && s <= dim) && sizes.Sum() == dim
            ? sizes
            : throw call.Fail(ModelError.InvalidShape,
                $"parts of [{string.Join(',', sizes)}] do not make up a dimension of {dim}");
    }

    private static Tensor Part(Tensor input, int axis, (long At, long Size) range, bool keeps)
    {
        var strides = StridedWalk.RowMajor(input.Shape);
        var shape = (long[])input.Shape.Clone();
        shape[axis] = range.Size;
        var part = input.Type == ElementType.String ? Strings(input, shape, strides, range.At * strides[axis])
            : StridedWalk.Copy(input, shape, strides, range.At * strides[axis]);
        return keeps ? part : new Tensor(part.Type, [.. shape.Where((_, d) => d != axis)], part.Data);
    }

    private static Tensor Strings(Tensor input, long[] shape, long[] strides, long start)
    {
        var all = input.Strings();
        var numbers = Tensor.Int64(input.Shape, [.. Enumerable.Range(0, all.Length).Select(i => (long)i)]);
        var part = StridedWalk.Copy(numbers, shape, strides, start);
        return Tensor.OfStrings(shape, Array.ConvertAll(part.AsSpan<long>().ToArray(), i => all[i]));
    }

    private static void InferConcat(OperatorCall call) => call.Set(0, Sequence(call).Element, null);

    private static ModelValue[] Concat(OperatorCall call)
    {
        var items = call.Sequence(0).Items;
        if (items.Count == 0)
        {
            throw call.Fail(ModelError.InvalidShape, "an empty sequence cannot be concatenated");
        }

        var isNew = call.Attributes.Int("new_axis") != 0;
        var node = new GraphNode { Name = call.Node.Name, Operator = "Concat", Opset = call.Opset, Outputs = [null] };
        var rank = ((Tensor)items[0]).Shape.Length + (isNew ? 1 : 0);
        var axis = call.Axis(call.Attributes.Int("axis"), rank);
        node.Attributes.Set("axis", (long)axis);
        return ReferenceInterpreter.Evaluate(node, items.Select(item => isNew ? WithAxis((Tensor)item, axis) : item),
            call.Limits);
    }

    private static Tensor WithAxis(Tensor tensor, int axis)
    {
        List<long> shape = [.. tensor.Shape];
        shape.Insert(axis, 1);
        return new Tensor(tensor.Type, shape, tensor.Data);
    }
}
