using Atoll.Devices;

namespace Atoll.Models.Tests;

/// <summary>Kernels of indexing, resizing, quantization and 16-bit floats against the scalar reference.</summary>
public sealed class NumericLoweringTests
{
    private static readonly Dictionary<string, Func<GraphBuilder, GraphValue[]>> Graphs = new()
    {
        ["gather elements"] = b => [b.Op("GatherElements", [("axis", 1L)], b.Input(3, 4, 2),
            Indices(b, 4, 3, 7, 2))],
        ["gather elements of a transpose"] = b => [b.Op("GatherElements",
            b.Op("Transpose", b.Input(5, 3)), Indices(b, 3, 2, 5))],
        ["gather tuples in batches"] = b => [b.Op("GatherND", [("batch_dims", 1L)], b.Input(2, 3, 4, 5),
            Indices(b, 3, 2, 6, 1)), b.Op("GatherND", b.Input(3, 3, 2), Indices(b, 3, 4, 2))],
        ["scatter elements"] = b => [b.Op("ScatterElements", [("axis", -1L)], b.Input(2, 9), Of(b, [2, 3],
            0, 4, -1, 8, 2, 3), b.Input(2, 3))],
        ["scatter that adds"] = b => [b.Op("ScatterElements", [("axis", 0L), ("reduction", "add")], b.Input(4, 3),
            Indices(b, 4, 7, 3), b.Input(7, 3)),
            b.Op("ScatterND", [("reduction", "mul")], b.Input(4, 300), Indices(b, 4, 9, 1), b.Input(9, 300))],
        ["scatter slices over blocks"] = b => [b.Op("ScatterND", b.Input(400, 500), Of(b, [3, 1], 399, -400, 200),
            b.Input(3, 500))],
        ["top k"] = b => [.. b.Ops("TopK", 2, [], b.Input(7, 1000), b.Ints(10)),
            .. b.Ops("TopK", 2, [("axis", 1L), ("largest", 0L)], b.Input(2, 33, 5), b.Ints(33))],
        ["top k of equal integers"] = b => [.. b.Ops("TopK", 2, [], b.Input(ElementType.Int64, 3, 90), b.Ints(50))],
        ["cumulative sums"] = b => [b.Op("CumSum", b.Input(3, 700), b.Ints(1)),
            b.Op("CumSum", [("reverse", 1L)], b.Input(40, 300), b.Ints(0)),
            b.Op("CumSum", [("exclusive", 1L), ("reverse", 1L)], b.Input(2, 9, 4), b.Ints(-2)),
            b.Op("CumSum", [("exclusive", 1L)], b.Input(ElementType.Int32, 5), b.Ints(0))],
        ["one hot"] = b => [b.Op("OneHot", [("axis", 1L)], Indices(b, 6, 2, 5),
            b.Ints(5), b.Of(Tensor.Float([2], [-1, 3])))],
        ["reversed sequences"] = b => [b.Op("ReverseSequence", b.Input(5, 3, 4), Of(b, [3], 2, 5, 1)),
            b.Op("ReverseSequence", [("time_axis", 1L), ("batch_axis", 0L)], b.Input(3, 6), Of(b, [3], 6, 1, 4))],
        ["hardmax"] = b => [b.Op("Hardmax", [("axis", 1L)], b.Input(3, 600, 2))],
        ["arg extremes of many rows"] = b => [b.Op("ArgMax", [("axis", -1L)], b.Input(300, 40)),
            b.Op("ArgMin", [("axis", 0L), ("select_last_index", 1L)], b.Input(ElementType.Int32, 9, 50))],
        ["nearest upsampling"] = b => [Resize(b, b.Input(2, 3, 5, 7), "nearest", "asymmetric", 1, 1, 2, 2),
            Resize(b, b.Input(ElementType.UInt8, 1, 2, 4, 4), "nearest", "half_pixel", 1, 1, 1.5f, 2)],
        ["linear resizing"] = b => [Resize(b, b.Input(2, 3, 5, 7), "linear", "half_pixel", 1, 1, 2.5f, 0.6f),
            Resize(b, b.Input(1, 2, 9, 700), "linear", "align_corners", 1, 1, 2, 1),
            Resize(b, b.Input(3, 4, 8), "linear", "pytorch_half_pixel", 1, 1, 3)],
        ["cubic resizing"] = b => [Resize(b, b.Input(1, 2, 6, 5), "cubic", "half_pixel", 1, 1, 0.7f, 2)],
        ["resizing behind a convolution"] = b => [Resize(b, b.Op("Conv", b.Input(1, 3, 6, 6),
            b.Weights(20, 3, 1, 1)), "linear", "half_pixel", 1, 1, 2, 2), Resize(b, b.Op("Conv",
            b.Input(1, 3, 6, 6), b.Weights(20, 3, 1, 1)), "nearest", "asymmetric", 1, 1, 2, 2)],
        ["resizing by sizes with a crop"] = b => [b.Op("Resize", [("mode", "linear"),
            ("coordinate_transformation_mode", "tf_crop_and_resize"), ("extrapolation_value", 7f)],
            b.Input(1, 2, 8, 8), b.Of(Tensor.Float([8], [0, 0, 0.3f, -0.2f, 1, 1, 1.2f, 0.9f])), null,
            b.Ints(1, 2, 6, 7))],
        ["grid samples"] = b => [.. from mode in new[] { "bilinear", "nearest", "bicubic" }
            from padding in new[] { "zeros", "border", "reflection" }
            select b.Op("GridSample", [("mode", mode), ("padding_mode", padding),
                ("align_corners", padding == "border" ? 1L : 0L)], b.Input(2, 3, 5, 7),
                b.Op("Mul", b.Input(2, 4, 6, 2), b.Scalar(1.7f)))],
        ["quantized and back"] = b => [b.Op("DequantizeLinear", b.Op("QuantizeLinear", b.Input(3, 40),
            b.Scalar(0.01f), Byte(b, 120)), b.Scalar(0.01f), Byte(b, 120)),
            b.Op("QuantizeLinear", [("axis", 0L)], b.Input(3, 4), b.Positive(3),
                b.Of(new Tensor(ElementType.Int8, [3], [0, 255, 5])))],
        ["dynamic quantization"] = b => [.. b.Ops("DynamicQuantizeLinear", 3, [], b.Input(4, 50))],
        ["einstein sums"] = b => [b.Op("Einsum", [("equation", "bhid,bhjd->bhij")], b.Input(2, 3, 4, 5),
            b.Input(2, 3, 6, 5)), b.Op("Einsum", [("equation", "bij,jk->kbi")], b.Input(2, 3, 4), b.Input(4, 5)),
            b.Op("Einsum", [("equation", "i,j->ij")], b.Input(3), b.Input(4)),
            b.Op("Einsum", [("equation", "ij->ji")], b.Input(3, 4))],
        ["bits"] = b => [b.Op("BitShift", [("direction", "LEFT")], b.Input(ElementType.UInt8, 9),
            b.Input(ElementType.UInt8, 9)), b.Op("IsInf", b.Op("Div", b.Input(5), b.Scalar(0)))],
        ["half precision"] = b => [Half(b, b.Op("Relu", Half(b, b.Op("MatMul", Half(b, b.Input(3, 8), 10),
            b.Of(HalfWeights(b, 8, 5))), 10)), 1)],
        ["bfloat16"] = b => [Half(b, b.Op("Add", Half(b, b.Input(3, 8), 16), Half(b, b.Input(8), 16)), 1)],
        ["dropout with its mask"] = b => [.. b.Ops("Dropout", 2, [], b.Input(3, 4))],
        ["identity matrix"] = b => [b.Op("EyeLike", [("k", 1L)], b.Input(3, 5))],
        ["random tensors"] = b => [b.Op("RandomNormalLike", [("seed", 3f)], b.Input(40)),
            b.Op("RandomUniform", [("shape", new[] { 2L, 3L })])],
        ["rnn"] = b => [.. b.Ops("RNN", 2, [("activations", new[] { "Relu" })], b.Input(5, 2, 3),
            b.Weights(1, 7, 3), b.Weights(1, 7, 7), b.Weights(1, 14))],
        ["lstm in both directions"] = b => [.. b.Ops("LSTM", 3, [("direction", "bidirectional")], b.Input(6, 2, 5),
            b.Weights(2, 36, 5), b.Weights(2, 36, 9), b.Weights(2, 72), null, b.Input(2, 2, 9), b.Input(2, 2, 9),
            b.Weights(2, 27))],
        ["lstm from zero"] = b => [.. b.Ops("LSTM", 3, [], b.Input(4, 1, 5), b.Weights(1, 160, 5),
            b.Weights(1, 160, 40))],
        ["gru that resets after"] = b => [.. b.Ops("GRU", 2, [("linear_before_reset", 1L), ("direction", "reverse")],
            b.Input(4, 3, 5), b.Weights(1, 60, 5), b.Weights(1, 60, 20), b.Weights(1, 120))],
        ["gru that resets before"] = b => [.. b.Ops("GRU", 2, [("direction", "bidirectional")], b.Input(4, 3, 5),
            b.Weights(2, 60, 5), b.Weights(2, 60, 20), b.Weights(2, 120), null, b.Input(2, 3, 20))],
        ["products of bytes"] = b => [
            b.Op("MatMulInteger", b.Input(ElementType.UInt8, 2, 35, 70), Bytes(b, ElementType.Int8, 70, 37),
                Byte(b, 130), b.Of(new Tensor(ElementType.Int8, [37], [.. Enumerable.Range(0, 37)
                    .Select(i => (byte)i)]))),
            b.Op("MatMulInteger", b.Input(ElementType.Int8, 3, 5), Bytes(b, ElementType.UInt8, 5, 2),
                b.Of(new Tensor(ElementType.Int8, [3], [1, 255, 128])), Byte(b, 200)),
            b.Op("QLinearMatMul", b.Ops("DynamicQuantizeLinear", 3, [], b.Input(4, 50))[0], b.Scalar(0.02f),
                Byte(b, 127), Bytes(b, ElementType.UInt8, 50, 20), b.Scalar(0.01f), Byte(b, 120), b.Scalar(0.3f),
                Byte(b, 100))],
        ["convolutions of bytes"] = b => [
            b.Op("ConvInteger", [("pads", new[] { 1L, 1L, 1L, 1L }), ("strides", new[] { 2L, 1L })],
                b.Input(ElementType.UInt8, 2, 3, 9, 7), Bytes(b, ElementType.Int8, 18, 3, 3, 3), Byte(b, 3)),
            b.Op("QLinearConv", [("group", 2L), ("pads", new[] { 0L, 2L, 1L, 0L })],
                b.Ops("DynamicQuantizeLinear", 3, [], b.Input(1, 4, 6, 6))[0], b.Scalar(0.01f), Byte(b, 128),
                Bytes(b, ElementType.Int8, 6, 2, 2, 3), b.Positive(6), b.Of(new Tensor(ElementType.Int8, [], [0])),
                b.Scalar(2f), Byte(b, 7), b.Of(Tensor.Of<int>(ElementType.Int32, [6], [5, -9, 100, 0, 7, 44])))],
        ["depthwise convolutions of bytes"] = b => [.. from channels in new[] { 5L, 32, 48, 70 }
            select b.Op("QLinearConv", [("group", channels), ("pads", new[] { 1L, 1L, 1L, 1L })],
                b.Ops("DynamicQuantizeLinear", 3, [], b.Input(2, (int)channels, 7, 9))[0], b.Scalar(0.01f),
                    Byte(b, 128),
                Bytes(b, ElementType.Int8, channels, 1, 3, 3), b.Scalar(0.02f),
                    b.Of(new Tensor(ElementType.Int8, [], [3])),
                b.Scalar(0.71371f), Byte(b, 100))],
        ["pools of bytes"] = b => [b.Op("MaxPool", [("kernel_shape", new[] { 3L, 3L }), ("strides", new[] { 2L, 2L }),
            ("pads", new[] { 1L, 1L, 1L, 1L })],
                b.Op("QuantizeLinear", b.Input(1, 70, 9, 8), b.Scalar(0.01f), Byte(b, 90))),
            b.Op("MaxPool", [("kernel_shape", new[] { 2L, 2L })], b.Op("QuantizeLinear", b.Input(1, 3, 5, 5),
                b.Scalar(0.01f), b.Of(new Tensor(ElementType.Int8, [], [253]))))],
        ["nothing at all"] = b => [b.Op("CumSum", b.Input(ElementType.Float32, 0, 3), b.Ints(0)),
            b.Op("GatherElements", b.Input(2, 3), Of(b, [0, 3])), b.Op("Hardmax", b.Input(2, 0))],
    };

    // Kernels of bytes read these operands by address.
    private static readonly Dictionary<string, Func<GraphBuilder, GraphValue>> Misfits = new()
    {
        ["zero points of two columns"] = b => b.Op("MatMulInteger", b.Input(ElementType.UInt8, 2, 8),
            Bytes(b, ElementType.Int8, 8, 1000), Byte(b, 1), b.Of(new Tensor(ElementType.Int8, [2], [1, 2]))),
        ["no zero point at all"] = b => b.Op("MatMulInteger", b.Input(ElementType.UInt8, 2, 8),
            Bytes(b, ElementType.Int8, 8, 10), b.Of(new Tensor(ElementType.UInt8, [0], []))),
        ["scales that are bytes"] = b => Product(b, b.Of(new Tensor(ElementType.UInt8, [20], new byte[20])), 1),
        ["scales of three columns"] = b => Product(b, b.Positive(3), 1),
        ["several zero points of the result"] = b => Product(b, b.Scalar(0.1f), 0),
        ["a bias of bytes"] = b => Convolution(b, new Tensor(ElementType.Int8, [6], new byte[6])),
        ["a short bias"] = b => Convolution(b, Tensor.Of<int>(ElementType.Int32, [2], [1, 2])),
        ["a short bias of channels"] = b => Convolution(b, Tensor.Of<int>(ElementType.Int32, [1], [1]), 6),
    };

    public static TheoryData<string> MisfitCases => [.. Misfits.Keys];

    [Theory]
    [MemberData(nameof(MisfitCases))]
    public void Operands_of_products_of_bytes_that_do_not_fit_are_refused(string name)
    {
        using var device = new CpuDevice(new CpuDeviceOptions { Units = 1 });
        Assert.Throws<ModelException>(() =>
        {
            var b = new GraphBuilder(1);
            using var model = ModelCompiler.Compile(b.Build(Misfits[name](b)));
            model.Instantiate(device).Dispose();
        });
    }

    [Fact]
    public void Wide_and_dilated_depthwise_convolutions_have_a_program_and_endless_ones_none()
    {
        var b = new GraphBuilder(4);
        var wide = b.Op("Conv", [("group", 2L), ("pads", new[] { 1L, 1L })], b.Input(1, 2, 60_000), b.Weights(2, 1, 3));
        var far =
            b.Op("Conv", [("group", 2L), ("dilations", new[] { 24L, 24L }), ("pads", new[] { 24L, 24L, 24L, 24L })],
            b.Op("Relu", b.Op("Conv", b.Input(1, 3, 20, 1024), b.Weights(2, 3, 1, 1))), b.Weights(2, 1, 3, 3));
        CompiledRun.Check(b.Build(wide, far, b.Op("GlobalAveragePool", far)), 4);

        b = new GraphBuilder(5);
        var graph = b.Build(b.Op("Conv", [("group", 2L)], b.Input(1, 2, 30_001), b.Weights(2, 1, 30_000)));
        using var device = new CpuDevice(new CpuDeviceOptions { Units = 1 });
        Assert.Null(ModelCompiler.TryCompileWhole(graph, device));
    }

    public static TheoryData<string> Cases => [.. Graphs.Keys];

    [Theory]
    [MemberData(nameof(Cases))]
    public void Compiled_graph_equals_the_reference(string name)
    {
        var b = new GraphBuilder(name.Length);
        CompiledRun.Check(b.Build(Graphs[name](b)), name.Length, tolerance: name is "half precision" or "bfloat16"
            ? 0.02f : 1e-4f);
    }

    [Theory]
    [InlineData(-1)]
    [InlineData(6)]
    [InlineData(1L << 40)]
    public void A_sequence_length_out_of_range_fails_and_reads_nothing_beside_its_tensor(long length)
    {
        var b = new GraphBuilder(1);
        var graph = b.Build(b.Op("ReverseSequence", b.Input(5, 3, 4), b.Input(ElementType.Int64, 3)));
        using var device = new CpuDevice(new CpuDeviceOptions { Units = 1 });
        using var model = ModelCompiler.Compile(graph);
        using var instance = model.Instantiate(device);
        Tensor[] inputs = [Tensor.Float([5, 3, 4], new float[60]), Tensor.Int64([3], [1, length, 2])];

        Assert.Throws<InputValueException>(() => CompiledRun.Run(instance, inputs));
        Assert.Throws<ModelException>(() => ReferenceInterpreter.Run(graph, inputs));
    }

    private static GraphValue Of(GraphBuilder b, long[] shape, params long[] values) =>
        b.Of(Tensor.Int64(shape, values));

    private static GraphValue Indices(GraphBuilder b, int size, params long[] shape) => Of(b, shape,
        [.. Enumerable.Range(0, (int)shape.Aggregate(1L, (x, y) => x * y))
            .Select(_ => (long)b.Random.Next(-size, size))]);

    private static GraphValue Byte(GraphBuilder b, byte value) => b.Of(new Tensor(ElementType.UInt8, [], [value]));

    private static GraphValue Bytes(GraphBuilder b, ElementType type, params long[] shape)
    {
        var data = new byte[shape.Aggregate(1L, (x, y) => x * y)];
        b.Random.NextBytes(data);
        return b.Of(new Tensor(type, shape, data));
    }

    private static GraphValue Resize(GraphBuilder b, GraphValue x, string mode, string coordinates,
        params float[] scales) => b.Op("Resize", [("mode", mode), ("coordinate_transformation_mode", coordinates)],
        x, null, b.Of(Tensor.Float([scales.Length], scales)));

    private static GraphValue Half(GraphBuilder b, GraphValue x, long type) => b.Op("Cast", [("to", type)], x);

    private static Tensor HalfWeights(GraphBuilder b, params long[] shape) => Tensor.Of<Half>(ElementType.Float16,
        shape, [.. Enumerable.Range(0, (int)(shape[0] * shape[1])).Select(_ => (Half)(b.Random.NextDouble() - 0.5))]);

    private static GraphValue Product(GraphBuilder b, GraphValue scales, int zeros) => b.Op("QLinearMatMul",
        b.Input(ElementType.UInt8, 4, 50), b.Scalar(0.02f), Byte(b, 127), Bytes(b, ElementType.UInt8, 50, 20), scales,
        Byte(b, 120), b.Scalar(0.3f), b.Of(new Tensor(ElementType.UInt8, [zeros], new byte[zeros])));

    private static GraphValue Convolution(GraphBuilder b, Tensor bias, int groups = 1) => b.Op("QLinearConv",
        [("group", (long)groups)], b.Input(ElementType.UInt8, 1, 6, 6, 6), b.Scalar(0.01f), Byte(b, 128),
        Bytes(b, ElementType.Int8, 6, 6 / groups, 2, 3), b.Scalar(0.1f), b.Of(new Tensor(ElementType.Int8, [], [0])),
        b.Scalar(2f), Byte(b, 7), b.Of(bias));
}
