using Atoll.Kernels;

namespace Atoll.Models;

/// <summary>
/// Conversion between floats and quantized integers, with parameters for all or for each index of an axis.
/// </summary>
internal static class QuantizationLowering
{
    public static IEnumerable<(string Operator, NodeLowering Lower)> Operators =>
        [("QuantizeLinear", Quantize), ("DequantizeLinear", Dequantize), ("DynamicQuantizeLinear", DynamicQuantize)];

    private static void Quantize(GraphNode node, LoweringContext context)
    {
        RequireFloat(node, node.In(0)!.Type);
        RequireFloat(node, node.In(1)!.Type);
        AddStep(node, context, node.Out().Type, (b, v) => Quantization.Quantize(node.Name,
            (ScalarType)node.Out().Type, b.Ref(v.X), b.Ref(v.Scale), b.Ref(v.Zero), b.Ref(v.Y)));
    }

    private static void Dequantize(GraphNode node, LoweringContext context)
    {
        RequireFloat(node, node.Out().Type);
        AddStep(node, context, node.In(0)!.Type, (b, v) => Quantization.Dequantize(node.Name,
            (ScalarType)node.In(0)!.Type, b.Ref(v.X), b.Ref(v.Scale), b.Ref(v.Zero), b.Ref(v.Y)));
    }

    private static void AddStep(GraphNode node, LoweringContext context, ElementType quantized,
        Func<StorageBinding, Views, Devices.CpuKernel> make)
    {
        var x = context.Input(node, 0);
        // Checks the scale's shape against the axis.
        QuantizationOperators.ScaleIndex(OperatorCall.Of(node), x.Shape);
        var none = new Tensor(quantized, [], new byte[quantized.SizeInBytes()]);
        var (scale, zero) = (AlongAxis(node, context.Input(node, 1), x.Rank),
            AlongAxis(node, context.TryInput(node, 2) ?? context.Constant(none), x.Rank));
        TensorView[] reads = [x, scale, zero];
        var y = context.Output(node, ElementwiseLowering.OrderOf([x]), reads);
        context.Add(new LoweredStep
        {
            Name = node.Name,
            Reads = reads,
            Writes = [y],
            Emit = binding => [make(binding, new Views(x, scale, zero, y))],
        });
    }

    private static TensorView AlongAxis(GraphNode node, TensorView parameter, int rank)
    {
        if (parameter.ElementCount == 1)
        {
            return parameter.TryReshape([])!;
        }

        var axis = OperatorCall.Of(node).Axis(node.Attributes.Int("axis", 1), rank);
        return parameter.TryReshape([.. Enumerable.Range(0, rank).Select(i =>
            i == axis ? parameter.ElementCount : 1)])!;
    }

    // The range, then scale and zero point, then the numbers.
    private static void DynamicQuantize(GraphNode node, LoweringContext context)
    {
        var x = context.Densify(node.Name, context.Input(node, 0), MemoryOrder.RowMajor, v => v.IsContiguous);
        var count = Math.Max(1, (x.ElementCount + Quantization.RangePart - 1) / Quantization.RangePart);
        var parts = context.Temporary(ElementType.Float32, [count, 2]);
        var scale = Part(node, context, 1, ElementType.Float32, [x]);
        var zero = Part(node, context, 2, ElementType.UInt8, [x]);
        context.Add(new LoweredStep
        {
            Name = $"{node.Name}.range",
            Reads = [x],
            Writes = [parts, scale, zero],
            Emit = b => Quantization.Range(node.Name, b.Ref(x), b.Ref(parts), b.Ref(scale), b.Ref(zero)),
        });
        TensorView[] reads = [x, scale, zero];
        var y = context.Output(node, ElementwiseLowering.OrderOf([x]), reads);
        context.Add(new LoweredStep
        {
            Name = node.Name,
            Reads = reads,
            Writes = [y],
            Emit = b => [Quantization.Quantize(node.Name, ScalarType.UInt8, b.Ref(x), b.Ref(scale), b.Ref(zero),
                b.Ref(y))],
        });
    }

    private static TensorView Part(GraphNode node, LoweringContext context, int output, ElementType type,
        TensorView[] reads) => node.Outputs.Count > output && node.Outputs[output] is not null
        ? context.Output(node, MemoryOrder.RowMajor, reads, null, output)
        : context.Temporary(type, []);

    private static void RequireFloat(GraphNode node, ElementType type)
    {
        if (type != ElementType.Float32)
        {
            throw new ModelException(ModelError.UnsupportedOperator,
                $"{node} (opset {node.Opset}): it is had for floats, not {type}");
        }
    }

    private sealed record Views(TensorView X, TensorView Scale, TensorView Zero, TensorView Y);
}
