namespace Atoll.Models.Tests;

/// <summary>
/// What the operator sets 18 to 22 changed or added: one small graph each, with random constants from its own seed.
/// </summary>
internal static class NewerOpsetCases
{
    private static readonly string[] Reductions =
    [
        "ReduceL1", "ReduceL2", "ReduceLogSum", "ReduceLogSumExp", "ReduceMax", "ReduceMean", "ReduceMin", "ReduceProd",
        "ReduceSum", "ReduceSumSquare",
    ];

    /// <summary>Name of the case, its operator set, and the graph.</summary>
    public static IEnumerable<(string Name, int Opset, Func<GraphBuilder, GraphValue[]> Make)> All =>
        [.. Of18(), .. Resizing(), .. Of19(), .. Of20(), .. Of21(), .. Of22()];

    /// <summary>What is refused by name and operator set when a model is read.</summary>
    public static IEnumerable<(string Name, int Opset, Func<GraphBuilder, GraphValue[]> Make)> Refused =>
    [
        Case("DeformConv", 19, b =>
            b.Op("DeformConv", b.Input(1, 1, 3, 3), b.Weights(1, 1, 2, 2), b.Input(1, 8, 2, 2))),
        Case("ImageDecoder", 20, b => b.Op("ImageDecoder", b.Input(ElementType.UInt8, 9))),
        Case("RegexFullMatch", 20, b => b.Op("RegexFullMatch", b.Input(ElementType.String, 3))),
        Case("StringConcat", 20,
            b => b.Op("StringConcat", b.Input(ElementType.String, 3), b.Input(ElementType.String, 3))),
        Case("StringSplit", 20, b => b.Op("StringSplit", b.Input(ElementType.String, 3))),
        Case("DequantizeLinear", 21, b => b.Op("DequantizeLinear", With(("axis", 1L), ("block_size", 2L)),
            b.Input(ElementType.UInt8, 3, 6), b.Positive(3, 3))),
        Case("Cast", 19, b => b.Op("Cast", With(("to", 17L)), b.Input(3))),
        Case("RMSNormalization", 23, b => b.Op("RMSNormalization", b.Input(3, 4), b.Positive(4))),
    ];

    private static (string Name, int Opset, Func<GraphBuilder, GraphValue[]> Make) Case(
        string name, int opset, Func<GraphBuilder, GraphValue> make) => (name, opset, b => [make(b)]);

    private static (string, object)[] With(params (string, object)[] attributes) => attributes;

    private static IEnumerable<(string, int, Func<GraphBuilder, GraphValue[]>)> Of18() =>
    [
        .. Reductions.Select(op => Case($"{op} axes as input", 18,
            b => b.Op(op, With(("keepdims", 0L)), b.Op("Exp", b.Input(2, 3, 5)), b.Ints(1, -1)))),
        Case("ReduceMean of no axes", 18, b => b.Op("ReduceMean", b.Input(2, 3))),
        Case("ReduceMax of empty axes does nothing", 18,
            b => b.Op("ReduceMax", With(("noop_with_empty_axes", 1L)), b.Input(2, 3), b.Ints())),
        ("Split num_outputs, uneven", 18,
            b => b.Ops("Split", 3, With(("num_outputs", 3L), ("axis", 1L)), b.Input(2, 7))),
        Case("Pad of some axes", 18, b => b.Op("Pad", b.Input(2, 3, 4), b.Ints(1, 2), b.Scalar(7), b.Ints(-1))),
        Case("Pad reflect of some axes", 18,
            b => b.Op("Pad", With(("mode", "reflect")), b.Input(2, 3, 4), b.Ints(1, 0, 2, 1), null, b.Ints(1, 2))),
        Case("Mish", 18, b => b.Op("Mish", b.Input(3, 4))),
        Case("BitwiseAnd", 18, b => b.Op("BitwiseAnd", b.Input(ElementType.Int32, 4), b.Input(ElementType.Int32, 4))),
        Case("BitwiseNot", 18, b => b.Op("BitwiseNot", b.Input(ElementType.UInt8, 4))),
        Case("BitwiseOr", 18, b => b.Op("BitwiseOr", b.Input(ElementType.Int64, 4), b.Input(ElementType.Int64, 4))),
        Case("BitwiseXor", 18, b => b.Op("BitwiseXor", b.Input(ElementType.Int8, 4), b.Input(ElementType.Int8, 4))),
        Case("GroupNormalization, scale by group", 18,
            b => b.Op("GroupNormalization", With(("num_groups", 2L)), b.Input(2, 6, 4), b.Positive(2), b.Weights(2))),
        Case("ScatterElements max", 18, b => b.Op("ScatterElements", With(("reduction", "max")), b.Input(3, 3),
            b.Of(Tensor.Int64([2, 2], [0, 2, 0, 1])), b.Input(2, 2))),
        Case("ScatterND min", 18, b => b.Op("ScatterND", With(("reduction", "min")), b.Input(4, 3),
            b.Of(Tensor.Int64([3, 1], [1, 3, 1])), b.Input(3, 3))),
        Case("CenterCropPad", 18, b => b.Op("CenterCropPad", b.Input(5, 4, 3), b.Ints(3, 7, 3))),
        Case("CenterCropPad of axes", 18,
            b => b.Op("CenterCropPad", With(("axes", new[] { 1L, -1L })), b.Input(2, 6, 5), b.Ints(9, 2))),
        Case("Col2Im", 18, b => b.Op("Col2Im", b.Input(2, 12, 9), b.Ints(4, 4), b.Ints(2, 2))),
        Case("Col2Im with strides, pads and dilations", 18, b => b.Op("Col2Im",
            With(("strides", new[] { 2L, 1L }), ("pads", new[] { 1L, 0L, 1L, 1L }), ("dilations", new[] { 1L, 2L })),
            b.Input(1, 18, 9), b.Ints(5, 6), b.Ints(2, 3))),
        Case("LpPool", 18, b => b.Op("LpPool", With(("kernel_shape", new[] { 2L, 2L }), ("p", 3L)),
            b.Input(1, 2, 5, 5))),
    ];

    private static IEnumerable<(string, int, Func<GraphBuilder, GraphValue[]>)> Resizing() =>
    [
        .. from mode in (string[])["linear", "cubic"]
           from antialias in (long[])[0, 1]
           from coordinates in (string[])["half_pixel", "align_corners", "pytorch_half_pixel"]
           select Case($"Resize {mode}, antialias {antialias}, {coordinates}", 18, b => b.Op("Resize",
               With(("mode", mode), ("antialias", antialias), ("coordinate_transformation_mode", coordinates)),
               b.Input(1, 2, 9, 8), null, null, b.Ints(1, 2, 4, 5))),
        .. from policy in (string[])["not_larger", "not_smaller"]
           select Case($"Resize {policy}", 18, b => b.Op("Resize",
               With(("mode", "linear"), ("keep_aspect_ratio_policy", policy), ("axes", new[] { 2L, 3L })),
               b.Input(1, 2, 6, 8), null, null, b.Ints(9, 16))),
        Case("Resize nearest by scales of axes", 18, b => b.Op("Resize",
            With(("mode", "nearest"), ("axes", new[] { 3L, 2L })), b.Input(1, 2, 3, 4), null,
            b.Of(Tensor.Float([2], [2, 1.5f])))),
        Case("Resize half_pixel_symmetric", 19, b => b.Op("Resize",
            With(("mode", "linear"), ("coordinate_transformation_mode", "half_pixel_symmetric")),
            b.Input(1, 1, 5, 5), null, b.Of(Tensor.Float([4], [1, 1, 0.7f, 1.3f])))),
    ];

    private static IEnumerable<(string, int, Func<GraphBuilder, GraphValue[]>)> Of19() =>
    [
        Case("AveragePool with dilations", 19, b => b.Op("AveragePool",
            With(("kernel_shape", new[] { 2L, 2L }), ("dilations", new[] { 2L, 2L })), b.Input(1, 2, 6, 6))),
        Case("AveragePool with dilations, pads and ceil", 19, b => b.Op("AveragePool",
            With(("kernel_shape", new[] { 3L, 2L }), ("dilations", new[] { 1L, 2L }), ("ceil_mode", 1L),
                ("strides", new[] { 2L, 2L }), ("pads", new[] { 1L, 1L, 1L, 1L })), b.Input(1, 2, 7, 8))),
        Case("Pad wrap", 19, b => b.Op("Pad", With(("mode", "wrap")), b.Input(3, 4), b.Ints(1, 2, 1, 3))),
        Case("Equal of floats", 19, b => b.Op("Equal", b.Input(3), b.Input(3))),
        Case("Cast with saturate", 19, b => b.Op("Cast", With(("to", 6L), ("saturate", 1L)), b.Input(3, 4))),
        Case("Reshape allowzero", 19, b =>
            b.Op("Reshape", With(("allowzero", 1L)), b.Input(ElementType.Float32, 0, 3), b.Ints(3, 0))),
        Case("DequantizeLinear by axis", 19, b => b.Op("DequantizeLinear", With(("axis", 1L)),
            b.Input(ElementType.Int8, 2, 3), b.Positive(3))),
        Case("QuantizeLinear by axis", 19, b => b.Op("QuantizeLinear", With(("axis", 0L)), b.Input(2, 3),
            b.Positive(2), b.Of(new Tensor(ElementType.UInt8, [2], [100, 120])))),
        Case("Size", 19, b => b.Op("Size", b.Input(2, 3))),
        Case("Shape from 1 to -1", 19, b => b.Op("Shape", With(("start", 1L), ("end", -1L)), b.Input(2, 3, 4, 5))),
    ];

    private static IEnumerable<(string, int, Func<GraphBuilder, GraphValue[]>)> Of20() =>
    [
        .. from mode in (string[])["linear", "nearest", "cubic"]
           from padding in (string[])["zeros", "border", "reflection"]
           select Case($"GridSample {mode}, {padding}", 20, b => b.Op("GridSample",
               With(("mode", mode), ("padding_mode", padding), ("align_corners", 1L)),
               b.Input(2, 3, 5, 6), b.Input(2, 4, 4, 2))),
        Case("GridSample of volumes", 20,
            b => b.Op("GridSample", With(("mode", "linear")), b.Input(1, 2, 3, 4, 5), b.Input(1, 2, 3, 2, 3))),
        Case("Gelu", 20, b => b.Op("Gelu", b.Input(3, 4))),
        Case("Gelu tanh", 20, b => b.Op("Gelu", With(("approximate", "tanh")), b.Input(3, 4))),
        Case("IsInf", 20, b => b.Op("IsInf", b.Op("Div", b.Input(3), b.Scalar(0)))),
        Case("IsNaN", 20, b => b.Op("IsNaN", b.Op("Log", b.Input(5)))),
        Case("ReduceMax of booleans", 20, b => b.Op("ReduceMax", b.Input(ElementType.Bool, 3, 4), b.Ints(1))),
        Case("ReduceMin of booleans", 20, b => b.Op("ReduceMin", b.Input(ElementType.Bool, 3, 4), b.Ints(0))),
        Case("ConstantOfShape", 20, b => b.Op("ConstantOfShape",
            With(("value", Tensor.Int64([1], [7]))), b.Op("Shape", b.Input(2, 3)))),
        Case("DFT", 20, b => b.Op("DFT", b.Input(1, 8, 1), null, b.Of(Tensor.Int64([], [1])))),
        Case("DFT one-sided", 20, b => b.Op("DFT", With(("onesided", 1L)), b.Input(1, 8, 3, 1), null,
            b.Of(Tensor.Int64([], [1])))),
        Case("AffineGrid", 20, b => b.Op("AffineGrid", b.Input(2, 2, 3), b.Ints(2, 3, 4, 5))),
        Case("AffineGrid align_corners of volumes", 20,
            b => b.Op("AffineGrid", With(("align_corners", 1L)), b.Input(1, 3, 4), b.Ints(1, 2, 3, 4, 5))),
    ];

    private static IEnumerable<(string, int, Func<GraphBuilder, GraphValue[]>)> Of21() =>
    [
        Case("GroupNormalization, scale by channel", 21,
            b => b.Op("GroupNormalization", With(("num_groups", 2L)), b.Input(2, 6, 4), b.Positive(6), b.Weights(6))),
        Case("DequantizeLinear of 16 bits", 21,
            b => b.Op("DequantizeLinear", b.Input(ElementType.Int16, 5), b.Scalar(0.25f))),
        Case("Transpose", 21, b => b.Op("Transpose", b.Input(2, 3, 4))),
        Case("Squeeze", 21, b => b.Op("Squeeze", b.Input(1, 3, 1), b.Ints(0))),
        Case("Flatten", 21, b => b.Op("Flatten", b.Input(2, 3, 4))),
        Case("Unsqueeze", 21, b => b.Op("Unsqueeze", b.Input(3, 4), b.Ints(0, 3))),
    ];

    private static IEnumerable<(string, int, Func<GraphBuilder, GraphValue[]>)> Of22() =>
    [
        .. ((string[])["Elu", "HardSigmoid", "HardSwish", "Mish", "Round", "Selu", "Softplus", "Softsign", "Sin", "Cos",
            "Tan", "Sinh", "Cosh", "Asinh", "Atan", "ThresholdedRelu", "GlobalAveragePool", "GlobalMaxPool"])
            .Select(op => Case(op, 22, b => b.Op(op, b.Input(2, 3, 4, 5)))),
        Case("Conv", 22, b => b.Op("Conv", b.Input(1, 3, 6, 6), b.Weights(4, 3, 3, 3), b.Weights(4))),
        Case("ConvTranspose", 22, b => b.Op("ConvTranspose", With(("strides", new[] { 2L, 2L })),
            b.Input(1, 3, 4, 4), b.Weights(3, 2, 3, 3))),
        Case("InstanceNormalization", 22,
            b => b.Op("InstanceNormalization", b.Input(2, 3, 4), b.Positive(3), b.Weights(3))),
        Case("MaxPool", 22, b => b.Op("MaxPool", With(("kernel_shape", new[] { 3L, 3L }), ("ceil_mode", 1L),
            ("strides", new[] { 2L, 2L }), ("pads", new[] { 1L, 1L, 1L, 1L })), b.Input(1, 2, 7, 8))),
        Case("AveragePool ceil", 22, b => b.Op("AveragePool", With(("kernel_shape", new[] { 3L, 3L }),
            ("ceil_mode", 1L), ("strides", new[] { 2L, 2L })), b.Input(1, 2, 6, 8))),
        Case("LpPool", 22, b => b.Op("LpPool", With(("kernel_shape", new[] { 3L }), ("dilations", new[] { 2L })),
            b.Input(1, 2, 8))),
        Case("GRU", 22, b => b.Ops("GRU", 2, With(("hidden_size", 4L), ("linear_before_reset", 1L)),
            b.Input(5, 2, 3), b.Weights(1, 12, 3), b.Weights(1, 12, 4), b.Weights(1, 24))[1]),
        Case("LSTM", 22, b => b.Ops("LSTM", 2, With(("hidden_size", 4L)),
            b.Input(5, 2, 3), b.Weights(1, 16, 3), b.Weights(1, 16, 4), b.Weights(1, 32))[1]),
        Case("Det", 22, b => b.Op("Det", b.Input(2, 3, 3))),
        Case("EyeLike", 22, b => b.Op("EyeLike", b.Input(3, 4))),
        Case("LpNormalization", 22, b => b.Op("LpNormalization", b.Input(3, 4))),
    ];
}
