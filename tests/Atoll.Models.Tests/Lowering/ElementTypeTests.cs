namespace Atoll.Models.Tests;

/// <summary>
/// Every operator that has kernels, for each type of elements: where the reference takes the type, the product gives
/// the same, be it by a kernel or on the host.
/// </summary>
public sealed class ElementTypeTests(CompiledTestDataTests.SharedDevice shared)
    : IClassFixture<CompiledTestDataTests.SharedDevice>
{
    private static readonly ElementType[] Types =
    [
        ElementType.Float64, ElementType.Int8, ElementType.UInt8, ElementType.Int16, ElementType.UInt16,
        ElementType.Int32, ElementType.UInt32, ElementType.Int64, ElementType.UInt64, ElementType.Bool,
        ElementType.Float16,
    ];

    // Operators of other forms than numbers in, numbers out; their types are fixed or checked by their own tests.
    private static readonly string[] Others =
    [
        "Constant", "EyeLike", "RandomNormal", "RandomUniform", "RandomNormalLike", "RandomUniformLike", "HannWindow",
        "HammingWindow", "BlackmanWindow", "MelWeightMatrix", "BitShift", "QuantizeLinear", "DequantizeLinear",
        "DynamicQuantizeLinear", "MatMulInteger", "ConvInteger", "QLinearMatMul", "QLinearConv", "Scatter", "Upsample",
    ];

    private static readonly Dictionary<string, Func<TypedGraph, GraphValue>> Forms = new()
    {
        ["Clip"] = g => g.Op("Clip", g.X(3, 40), g.C(), g.C()),
        ["Where"] = g => g.B.Op("Where", g.B.Input(ElementType.Bool, 3, 40), g.X(3, 40), g.X(40)),
        ["Cast"] = g => g.Op("Cast", [("to", 7L)], g.X(40)),
        ["CastLike"] = g => g.B.Op("CastLike", g.X(40), g.B.Ints(1)),
        ["Shrink"] = g => g.Op("Shrink", [("bias", 0.5f), ("lambd", 1f)], g.X(50)),
        ["BatchNormalization"] = g => g.Op("BatchNormalization", g.X(2, 3, 5), g.C(3), g.C(3), g.C(3), g.Positive(3)),
        ["Reshape"] = g => g.Op("Reshape", g.X(4, 6), g.B.Ints(8, 3)),
        ["Squeeze"] = g => g.Op("Squeeze", g.X(4, 1), g.B.Ints(1)),
        ["Unsqueeze"] = g => g.Op("Unsqueeze", g.X(4), g.B.Ints(0)),
        ["Expand"] = g => g.Op("Expand", g.X(4, 1), g.B.Ints(4, 3)),
        ["Slice"] = g => g.Op("Slice", g.X(9), g.B.Ints(7), g.B.Ints(1), g.B.Ints(0), g.B.Ints(-2)),
        ["Split"] = g => g.Op("Split", g.X(4, 3)),
        ["Concat"] = g => g.Op("Concat", [("axis", 0L)], g.X(4, 3), g.X(2, 3)),
        ["Pad"] = g => g.Op("Pad", g.X(4, 3), g.B.Ints(1, 0, 0, 2)),
        ["Gather"] = g => g.Op("Gather", g.X(4, 3), g.B.Ints(3, 0)),
        ["Tile"] = g => g.Op("Tile", g.X(4, 3), g.B.Ints(1, 2)),
        ["DepthToSpace"] = g => g.Op("DepthToSpace", [("blocksize", 2L)], g.X(1, 4, 2, 2)),
        ["SpaceToDepth"] = g => g.Op("SpaceToDepth", [("blocksize", 2L)], g.X(1, 1, 4, 4)),
        ["MatMul"] = g => g.Op("MatMul", g.X(4, 5), g.X(5, 3)),
        ["Gemm"] = g => g.Op("Gemm", g.X(4, 5), g.X(5, 3), g.X(3)),
        ["Einsum"] = g => g.Op("Einsum", [("equation", "ij,jk->ik")], g.X(4, 5), g.X(5, 3)),
        ["Conv"] = g => g.Op("Conv", g.X(1, 2, 5, 5), g.C(3, 2, 3, 3)),
        ["ConvTranspose"] = g => g.Op("ConvTranspose", g.X(1, 2, 5, 5), g.C(2, 3, 3, 3)),
        ["MaxPool"] = g => g.Op("MaxPool", [("kernel_shape", new[] { 2L, 2L })], g.X(1, 2, 5, 5)),
        ["AveragePool"] = g => g.Op("AveragePool", [("kernel_shape", new[] { 2L, 2L })], g.X(1, 2, 5, 5)),
        ["GlobalAveragePool"] = g => g.Op("GlobalAveragePool", g.X(1, 2, 5, 5)),
        ["GlobalMaxPool"] = g => g.Op("GlobalMaxPool", g.X(1, 2, 5, 5)),
        ["LayerNormalization"] = g => g.Op("LayerNormalization", g.X(3, 20), g.X(20)),
        ["InstanceNormalization"] = g => g.Op("InstanceNormalization", g.X(2, 3, 7), g.X(3), g.X(3)),
        ["GroupNormalization"] = g => g.Op("GroupNormalization", [("num_groups", 2L)], g.X(2, 4, 7), g.X(4), g.X(4)),
        ["LRN"] = g => g.Op("LRN", [("size", 3L)], g.X(1, 5, 3, 4)),
        ["Resize"] = g => g.Op("Resize", [("mode", "linear")], g.X(1, 1, 3, 3), null,
            g.B.Of(Tensor.Float([4], [1, 1, 2, 2]))),
        ["GatherElements"] = g => g.Op("GatherElements", g.X(4, 3), g.B.Of(Tensor.Int64([2, 3], [0, 3, 1, -1, 2, 0]))),
        ["GatherND"] = g => g.Op("GatherND", g.X(4, 3), g.B.Of(Tensor.Int64([2, 1], [3, -2]))),
        ["ScatterElements"] = g => g.Op("ScatterElements", [("reduction", "max")], g.X(4, 3),
            g.B.Of(Tensor.Int64([2, 3], [0, 3, 1, -1, 2, 0])), g.X(2, 3)),
        ["ScatterND"] = g => g.Op("ScatterND", [("reduction", "add")], g.X(4, 3),
            g.B.Of(Tensor.Int64([2, 1], [3, -1])), g.X(2, 3)),
        ["OneHot"] = g => g.B.Op("OneHot", g.X(4), g.B.Ints(5), g.B.Of(Tensor.Float([2], [0, 1]))),
        ["ReverseSequence"] = g => g.Op("ReverseSequence", g.X(4, 2), g.B.Ints(3, 1)),
        ["TopK"] = g => g.Op("TopK", g.X(2, 30), g.B.Ints(4)),
        ["CumSum"] = g => g.Op("CumSum", g.X(2, 30), g.B.Ints(1)),
        ["GridSample"] = g => g.Op("GridSample", g.X(1, 2, 4, 4), g.B.Input(1, 3, 3, 2)),
        ["ArgMax"] = g => g.Op("ArgMax", g.X(5, 7)), ["ArgMin"] = g => g.Op("ArgMin", g.X(5, 7)),
        ["RNN"] = g => g.Op("RNN", g.X(3, 2, 4), g.C(1, 5, 4), g.C(1, 5, 5)),
        ["GRU"] = g => g.Op("GRU", g.X(3, 2, 4), g.C(1, 15, 4), g.C(1, 15, 5)),
        ["LSTM"] = g => g.Op("LSTM", g.X(3, 2, 4), g.C(1, 20, 4), g.C(1, 20, 5)),
    };

    private static readonly string[] Binary =
    [
        "Add", "Sub", "Mul", "Div", "Pow", "PRelu", "Equal", "Less", "LessOrEqual", "Greater", "GreaterOrEqual", "And",
        "Or", "Xor", "BitwiseAnd", "BitwiseOr", "BitwiseXor", "Mod", "Min", "Max", "Sum", "Mean",
    ];

    public static TheoryData<string> Lowered =>
        [.. OperatorTable.All.Where(d => d.Domain.Length == 0 && NodeLowerings.Has("", d.Name)).Select(d => d.Name)
            .Distinct().Except(Others).Order(StringComparer.Ordinal)];

    [Theory]
    [MemberData(nameof(Lowered))]
    public void Each_type_gives_what_the_reference_gives(string name)
    {
        var compared = 0;
        foreach (var type in Types.Prepend(ElementType.Float32))
        {
            compared += Compare(name, type) ? 1 : 0;
        }

        Assert.True(compared > 0, "no type was taken");
    }

    private bool Compare(string name, ElementType type)
    {
        var g = new TypedGraph(type, name.Length);
        Graph graph;
        Tensor[] inputs, expected;
        try
        {
            graph = g.B.Build(Form(name)(g));
            inputs = [.. graph.Inputs.Select(g.Random)];
            expected = ReferenceInterpreter.Run(graph, inputs);
        }
        catch (ModelException)
        {
            return false;
        }

        var actual = ProductRun.Run(graph, inputs, shared.Device, new CompileOptions { IslandElementsMin = 0 });
        var tolerance = type is ElementType.Float16 ? 0.01 : 1e-4;
        TensorAssert.Close(expected[0], (Tensor)actual[0], tolerance, tolerance, $"{name} of {type}");
        return true;
    }

    private static Func<TypedGraph, GraphValue> Form(string name) => Forms.TryGetValue(name, out var form) ? form
        : Binary.Contains(name) ? g => g.Op(name, g.X(3, 40), g.NonZero(40))
        : g => g.Op(name, g.X(3, 40));

    private sealed class TypedGraph(ElementType type, int seed)
    {
        private readonly HashSet<GraphValue> _nonZero = [];

        public GraphBuilder B { get; } = new(seed) { Opset = 21 };

        public GraphValue X(params long[] shape) => B.Input(type, shape);

        public GraphValue NonZero(params long[] shape)
        {
            var value = X(shape);
            _nonZero.Add(value);
            return value;
        }

        public GraphValue C(params long[] shape) => B.Of(Draw(type, shape, -2));

        public GraphValue Positive(params long[] shape) => B.Of(Draw(type, shape, 1));

        public GraphValue Op(string name, params GraphValue?[] inputs) => B.Op(name, inputs);

        public GraphValue Op(string name, (string, object)[] attributes, params GraphValue?[] inputs) =>
            B.Op(name, attributes, inputs);

        public Tensor Random(GraphValue input) => Draw(input.Type, input.Shape!, _nonZero.Contains(input) ? 1 : -3);

        private Tensor Draw(ElementType element, long[] shape, int least)
        {
            var isWhole = element is not (ElementType.Float32 or ElementType.Float64 or ElementType.Float16);
            var isUnsigned = element is ElementType.UInt8 or ElementType.UInt16 or ElementType.UInt32 or
                ElementType.UInt64 or ElementType.Bool;
            var count = shape.Aggregate(1L, (a, d) => a * d);
            var values = Array.ConvertAll(new double[count], _ => B.Random.Next(isUnsigned ? Math.Max(0, least) : least,
                4) + (isWhole ? 0 : B.Random.Next(8) / 8.0));
            var wide = Tensor.Of<double>(ElementType.Float64, shape, values);
            var cast = new GraphNode { Name = "draw", Operator = "Cast", Opset = 21 };
            return CastOperator.Convert(OperatorCall.Of(cast, [wide]), wide, element);
        }
    }
}
