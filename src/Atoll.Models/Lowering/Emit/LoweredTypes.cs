namespace Atoll.Models;

/// <summary>
/// Which element types may reach an operator's lowering: floats alone, unless the operator is listed here. What is not
/// listed and gets other types runs on the host.
/// </summary>
internal static class LoweredTypes
{
    // Their kernels are made for the type, move elements of any size, or their lowering looks at the types itself.
    private static readonly HashSet<string> Any =
    [
        "Neg", "Abs", "Sign", "Relu", "Add", "Sub", "Mul", "Div", "Pow", "PRelu", "Equal", "Less", "LessOrEqual",
        "Greater", "GreaterOrEqual", "BitwiseAnd", "BitwiseOr", "BitwiseXor", "BitShift", "Mod", "Min", "Max", "Sum",
        "Clip", "Where", "Cast", "CastLike", "Identity", "Dropout", "Reshape", "Flatten", "Squeeze", "Unsqueeze",
        "Transpose", "Expand", "Slice", "Split", "Concat", "Pad", "Gather", "Tile", "DepthToSpace", "SpaceToDepth",
        "ReduceMax", "ReduceMin", "ArgMax", "ArgMin", "MaxPool", "GlobalMaxPool", "Resize", "Upsample",
        "GatherElements", "GatherND", "ScatterElements", "Scatter", "ScatterND", "OneHot", "ReverseSequence", "TopK",
        "CumSum", "QuantizeLinear", "DequantizeLinear", "MatMulInteger", "ConvInteger", "QLinearMatMul", "QLinearConv",
        "Einsum", "EyeLike", "RandomNormal", "RandomUniform", "RandomNormalLike", "RandomUniformLike", "HannWindow",
        "HammingWindow", "BlackmanWindow", "MelWeightMatrix", "RNN", "GRU", "LSTM",
    ];

    // Sums are kept in the type itself, which bytes are too narrow for.
    private static readonly HashSet<string> Sums =
    [
        "ReduceSum", "ReduceMean", "ReduceProd", "ReduceSumSquare", "ReduceL1", "ReduceL2", "ReduceLogSum",
        "ReduceLogSumExp", "GlobalAveragePool",
    ];

    private static readonly HashSet<string> Logic = ["And", "Or", "Xor", "Not"];

    /// <exception cref="ModelException">No kernel takes the type of an input.</exception>
    public static void Require(GraphNode node)
    {
        if (node.Domain.Length > 0 || Any.Contains(node.Operator))
        {
            return;
        }

        // The second input of a sum is its axes.
        var inputs = Sums.Contains(node.Operator) ? node.Inputs.Take(1) : node.Inputs;
        if (inputs.FirstOrDefault(v => v is not null && !Takes(node.Operator, v.Type)) is { } other)
        {
            throw new ModelException(ModelError.UnsupportedOperator,
                $"{node} (opset {node.Opset}): no kernel takes {other.Type}");
        }
    }

    private static bool Takes(string name, ElementType type) => Logic.Contains(name) ? type == ElementType.Bool
        : type == ElementType.Float32 || (Sums.Contains(name) &&
            type is ElementType.Float64 or ElementType.Int32 or ElementType.Int64);
}
