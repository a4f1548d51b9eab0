namespace Atoll.Models.Tests;

/// <summary>
/// Values at the edges of what operators take: reversed and repeated views, empty axes, NaN, narrow types.
/// </summary>
public sealed class NumberEdgeTests
{
    private static readonly Dictionary<string, Func<GraphBuilder, GraphValue[]>> Graphs = new()
    {
        ["dynamic quantization of a reversed view"] = b => [.. b.Ops("DynamicQuantizeLinear", 3, [],
            b.Op("Slice", b.Input(3, 5000), b.Ints(-1, -1), b.Ints(-9999, -9999), b.Ints(0, 1), b.Ints(-1, -1)))],
        ["dynamic quantization of a repeated view"] = b => [.. b.Ops("DynamicQuantizeLinear", 3, [],
            b.Op("Expand", b.Input(3, 1), b.Ints(3, 700)))],
        ["dynamic quantization of a transpose"] = b => [.. b.Ops("DynamicQuantizeLinear", 3, [],
            b.Op("Transpose", b.Input(30, 70)))],
        ["transposed convolution to a given size"] = b => [Transposed(b, [("output_shape", new[] { 12L, 14L })]),
            Transposed(b, [("output_shape", new[] { 12L, 13L }), ("auto_pad", "SAME_UPPER")]),
            Transposed(b, [("output_shape", new[] { 13L, 20L })]),
            Transposed(b, [("output_shape", new[] { 12L, 14L }), ("pads", new[] { 5L, 5L, 5L, 5L })])],
        ["transposed convolution of the same size"] = b => [Transposed(b, [("auto_pad", "SAME_UPPER")]),
            Transposed(b, [("auto_pad", "SAME_LOWER")]), Transposed(b, [("auto_pad", "VALID")]),
            Transposed(b, [("pads", new[] { 1L, 2L, 0L, 1L }), ("output_padding", new[] { 1L, 0L })])],
        ["reductions over nothing"] = b => [.. new[] { "Sum", "Prod", "Max", "Min", "L1", "L2", "SumSquare",
            "LogSumExp", "LogSum", "Mean" }.Select(op => b.Op($"Reduce{op}", b.Input(3, 0), b.Ints(1))),
            b.Op("ReduceMax", b.Input(2, 0, 40), b.Ints(1)),
            b.Op("ReduceMean", b.Input(ElementType.Float32, 0, 40), b.Ints(0))],
        ["reductions of whole numbers over nothing"] = b => [.. new[] { "Sum", "Prod", "Max", "Min", "Mean" }
            .SelectMany(op => new[] { ElementType.Int32, ElementType.Int64 }.Select(type =>
                b.Op($"Reduce{op}", b.Input(type, 3, 0), b.Ints(1))))],
        ["reductions of infinities"] = b => [b.Op("ReduceMax", Wide(b, double.NegativeInfinity), b.Ints(0)),
            b.Op("ReduceMin", Wide(b, double.PositiveInfinity), b.Ints(0))],
        ["powers of mixed types"] = b => [b.Op("Pow", Whole(b, 9, 2, 4, 10), b.Of(Tensor.Float([4], [0.5f, 3, -1,
            0.30103f]))), b.Op("Pow", Whole(b, 2, -2, 3, 1), b.Of(Tensor.Int64([4], [3, 3, 0, 1L << 40]))),
            b.Op("Pow", b.Op("Abs", b.Input(4)), b.Of(Tensor.Of<double>(ElementType.Float64, [1], [0.5])))],
        ["local response of any rank"] = b => [b.Op("LRN", [("size", 3L)], b.Input(2, 5, 9)),
            b.Op("LRN", [("size", 2L)], b.Input(2, 5, 3, 4, 2)), b.Op("LRN", [("size", 4L)],
                b.Op("Transpose", [("perm", new[] { 0L, 3L, 1L, 2L })], b.Input(2, 4, 3, 6)))],
    };

    public static TheoryData<string> Cases => [.. Graphs.Keys];

    [Theory]
    [MemberData(nameof(Cases))]
    public void Compiled_graph_equals_the_reference(string name)
    {
        var b = new GraphBuilder(name.Length) { Opset = 18 };
        CompiledRun.Check(b.Build(Graphs[name](b)), name.Length);
    }

    [Fact]
    public void Empty_sums_are_zero_and_extremes_the_ends_of_the_type()
    {
        var b = new GraphBuilder(1) { Opset = 18 };
        var graph = b.Build(b.Op("ReduceSum", b.Input(3, 0), b.Ints(1)),
            b.Op("ReduceProd", b.Input(ElementType.Float32, 0), b.Ints(0)),
            b.Op("ReduceMax", b.Input(ElementType.Float32, 0), b.Ints(0)),
            b.Op("ReduceMin", b.Input(ElementType.Int32, 0), b.Ints(0)));

        var results = ReferenceInterpreter.Run(graph, [Tensor.Float([3, 0], []), Tensor.Float([0], []),
            Tensor.Float([0], []), Tensor.Of<int>(ElementType.Int32, [0], [])]);

        Assert.Equal([0f, 0, 0], results[0].AsSpan<float>().ToArray());
        Assert.Equal([1f], results[1].AsSpan<float>().ToArray());
        Assert.Equal([float.NegativeInfinity], results[2].AsSpan<float>().ToArray());
        Assert.Equal([int.MaxValue], results[3].AsSpan<int>().ToArray());
    }

    [Theory]
    [InlineData(ElementType.Int16, ElementType.Int8)]
    [InlineData(ElementType.Int32, ElementType.UInt8)]
    [InlineData(ElementType.Int64, ElementType.Int32)]
    [InlineData(ElementType.UInt64, ElementType.UInt16)]
    [InlineData(ElementType.Int8, ElementType.UInt32)]
    [InlineData(ElementType.Int64, ElementType.UInt64)]
    public void Narrowing_a_whole_number_drops_its_high_bits(ElementType from, ElementType to)
    {
        var b = new GraphBuilder(1);
        var graph = b.Build(b.Op("Cast", [("to", (long)to)], b.Input(from, 200)));
        var data = new byte[200 * from.SizeInBytes()];
        b.Random.NextBytes(data);
        Compare(graph, new Tensor(from, [200], data));
    }

    [Fact]
    public void Two_hundred_becomes_minus_56_as_a_signed_byte()
    {
        var b = new GraphBuilder(1);
        var graph = b.Build(b.Op("Cast", [("to", (long)ElementType.Int8)], b.Input(ElementType.Int16, 1)));
        var result = Compare(graph, Tensor.Of<short>(ElementType.Int16, [1], [200]));
        Assert.Equal(-56, unchecked((sbyte)result.Data[0]));
    }

    private static readonly Dictionary<string, Func<GraphBuilder, GraphValue, GraphValue>> Extremes = new()
    {
        ["Max"] = (b, x) => b.Op("Max", x, b.Weights(2, 3, 37)), ["Max turned"] = (b, x) =>
            b.Op("Max", b.Weights(2, 3, 37), x),
        ["Min"] = (b, x) => b.Op("Min", x, b.Weights(2, 3, 37)), ["Min turned"] = (b, x) =>
            b.Op("Min", b.Weights(2, 3, 37), x),
        ["ReduceMax of the last axis"] = (b, x) => b.Op("ReduceMax", x, b.Ints(2)),
        ["ReduceMin of the first axes"] = (b, x) => b.Op("ReduceMin", x, b.Ints(0, 1)),
        ["ReduceMax of all"] = (b, x) => b.Op("ReduceMax", x), ["Relu"] = (b, x) => b.Op("Relu", x),
        ["Clip"] = (b, x) => b.Op("Clip", x, b.Scalar(-0.2f), b.Scalar(0.3f)),
        ["Clip by a variable"] = (b, x) => b.Op("Clip", x, b.Op("Neg", b.Scalar(0.2f)), b.Op("Abs", b.Scalar(1))),
        ["MaxPool"] = (b, x) => b.Op("MaxPool", [("kernel_shape", new[] { 3L })], x),
        ["GlobalMaxPool"] = (b, x) => b.Op("GlobalMaxPool", x),
    };

    public static TheoryData<string> ExtremeCases => [.. Extremes.Keys];

    [Theory]
    [MemberData(nameof(ExtremeCases))]
    public void What_is_no_number_stays_none_wherever_it_stands(string name)
    {
        var b = new GraphBuilder(name.Length) { Opset = 18 };
        var graph = b.Build(Extremes[name](b, b.Input(2, 3, 37)));
        using var device = new Atoll.Devices.CpuDevice(new() { Units = 1 });
        using var model = ModelCompiler.Compile(graph);
        using var instance = model.Instantiate(device);
        var values = Array.ConvertAll(new float[2 * 3 * 37], _ => b.Random.NextSingle() - 0.5f);
        for (var place = 0; place < values.Length; place++)
        {
            var x = (float[])values.Clone();
            x[place] = float.NaN;
            var input = Tensor.Float([2, 3, 37], x);
            CompiledRun.AssertNear(ReferenceInterpreter.Run(graph, [input])[0], CompiledRun.Run(instance, [input])[0],
                1e-5f, $"NaN at {place}");
        }
    }

    [Fact]
    public void Extremes_of_the_reference_are_none_where_one_value_is_none()
    {
        var b = new GraphBuilder(1) { Opset = 18 };
        var x = b.Input(3);
        var graph = b.Build(b.Op("ReduceMax", x), b.Op("ReduceMin", x));
        Assert.All(ReferenceInterpreter.Run(graph, [Tensor.Float([3], [1, float.NaN, 2])]),
            result => Assert.True(float.IsNaN(result.AsSpan<float>()[0])));
    }

    private static Tensor Compare(Graph graph, Tensor input)
    {
        using var device = new Atoll.Devices.CpuDevice(new() { Units = 1 });
        using var model = ModelCompiler.Compile(graph);
        using var instance = model.Instantiate(device);
        var result = CompiledRun.Run(instance, [input])[0];
        CompiledRun.AssertNear(ReferenceInterpreter.Run(graph, [input])[0], result, 0, "narrowed");
        return result;
    }

    private static GraphValue Transposed(GraphBuilder b, (string, object)[] attributes) => b.Op("ConvTranspose",
        [("strides", new[] { 2L, 2L }), .. attributes], b.Input(1, 3, 6, 7), b.Weights(3, 4, 4, 3), b.Weights(4));

    private static GraphValue Wide(GraphBuilder b, double value) =>
        b.Op("Add", b.Op("Cast", [("to", 11L)], b.Input(3)), b.Of(Tensor.Of<double>(ElementType.Float64, [1],
            [value])));

    private static GraphValue Whole(GraphBuilder b, params int[] values) => b.Op("Add",
        b.Op("Mul", b.Input(ElementType.Int32, values.Length), b.Of(Tensor.Of<int>(ElementType.Int32, [1], [0]))),
        b.Of(Tensor.Of<int>(ElementType.Int32, [values.Length], values)));
}
