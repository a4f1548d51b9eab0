using Atoll.Devices;
using Atoll.Kernels;

namespace Atoll.Models;

/// <summary>Convolutions by constant weights, on channels-last images, with their epilogue.</summary>
internal static class ConvolutionLowering
{
    public static IEnumerable<(string Operator, NodeLowering Lower)> Operators =>
        [("Conv", Lower), ("ConvTranspose", TransposedConvolutionLowering.Lower)];

    public static IEnumerable<(string Operator, NodeLowering Lower)> Fused =>
        [("Conv", Lower), (GateFusion.Operator, Lower)];

    /// <summary>Weights, which must be float constants.</summary>
    public static Tensor Weights(GraphNode node) =>
        node.In(1)?.Constant is { Type: ElementType.Float32 } weights && (node.In(2) is null || node.In(2)!.IsConstant)
            ? weights
            : throw new ModelException(ModelError.UnsupportedOperator,
                $"{node} (opset {node.Opset}): weights and bias must be float constants");

    private static void Lower(GraphNode node, LoweringContext context)
    {
        var weights = Weights(node);
        var x = context.Image(node.Name, context.Input(node, 0));
        var kernel = weights.Shape[2..];
        var window = WindowGeometry.Of(node, kernel, x.Shape[2..], node.Out().Shape![2..]);
        if (kernel.Length == 3)
        {
            VolumeConvolution.Lower(node, context, x, window);
            return;
        }

        var residual = context.TryInput(node, 3) is { } r ? context.Image($"{node.Name}.residual", r) : null;
        var gate = context.TryInput(node, 4) is { } factors ? context.Image($"{node.Name}.gate", factors) : null;
        TensorView[] reads = [x, .. new[] { residual, gate }.OfType<TensorView>()];
        var y = context.Output(node, MemoryOrder.ChannelsLast, reads, ImageViews.HasDenseChannels);
        var filters = new Filters(weights, node.In(2)?.Constant, (int)node.Attributes.Int("group", 1))
        {
            MayTransform = context.Options.Winograd,
        };
        var operands = new Operands(x, residual, y) { Gate = gate };
        AddStep(context, node.Name, operands, filters, window.Plane(), FusedActivation.Read(node));
    }

    /// <summary>Adds one two-dimensional convolution.</summary>
    public static void AddStep(LoweringContext context, string name, Operands operands, Filters filters,
        ConvolutionGeometry geometry, Activation activation)
    {
        var (x, residual, y) = (ImageViews.Pixels(operands.X), operands.Residual is { } r ? ImageViews.Pixels(r) : null,
            ImageViews.Pixels(operands.Y));
        var gate = operands.Gate is { } factors ? ImageViews.Pixels(factors) : null;
        CheckReach(name, y, filters, geometry);
        context.Add(new LoweredStep
        {
            Name = name,
            Reads = [x, .. new[] { residual, gate }.OfType<TensorView>()],
            Writes = [y],
            Emit = binding => Emit(name, binding, filters, geometry, (binding.Ref(x), binding.Ref(y),
                new Epilogue(residual is null ? null : binding.Ref(residual), activation)
                {
                    Gate = gate is null ? null : binding.Ref(gate),
                })),
        });
    }

    /// <summary>Depthwise windows must not reach too far for scratch memory.</summary>
    public static void CheckReach(string name, TensorView pixels, Filters filters, ConvolutionGeometry geometry)
    {
        var shape = filters.Weights.Shape;
        long[] window = [shape.Length == 3 ? 1 : shape[2], shape[^1]];
        if (filters.Groups > 1 && shape[0] == filters.Groups && shape[1] == 1 && Convolution.DepthwiseParts(
            [.. pixels.Shape.Select(d => (int)d)], window, geometry, 0) == 0)
        {
            throw new ModelException(ModelError.UnsupportedOperator,
                $"'{name}': no kernel convolves channels by windows [{string.Join(',', window)}] with {geometry}");
        }
    }

    private static IReadOnlyList<CpuKernel> Emit(string name, StorageBinding binding, Filters filters,
        ConvolutionGeometry geometry, (TensorRef X, TensorRef Y, Epilogue Epilogue) on) =>
        filters.MayTransform && WinogradWeights.Fits(filters.Weights.Shape, filters.Groups, geometry) &&
        PrefersWinograd(binding, new(on.X.Shape, on.Y.Shape, filters.WeightShape, geometry))
        ? [Convolution.CreateWinograd(name, on.X, filters.PackWinograd(binding), on.Y, geometry, on.Epilogue)]
        : Convolution.Create(name, on.X, filters.Pack(binding), on.Y, geometry, on.Epilogue);

    private static bool PrefersWinograd(StorageBinding binding, ConvolutionTuner.Problem problem) =>
        binding.Tuner?.PrefersWinograd(problem, binding.Arena.Client) ?? problem.IsModelledFaster;

    /// <summary>Views (N, C, H, W) or (N, C, W).</summary>
    public sealed record Operands(TensorView X, TensorView? Residual, TensorView Y)
    {
        /// <summary>Factors of the input's channels (N, C, 1, 1) of a pointwise convolution, or null.</summary>
        public TensorView? Gate { get; init; }
    }

    /// <summary>Weights (outputs, inputs per group, spatial…) and bias.</summary>
    public sealed record Filters(Tensor Weights, Tensor? Bias, int Groups)
    {
        /// <summary>What else the packing depends on: which transform of the original weights this is.</summary>
        public string Form { get; init; } = "";

        /// <summary>Whether Winograd's form may be taken.</summary>
        public bool MayTransform { get; init; }

        /// <summary>The tensor by which packed weights are remembered.</summary>
        public Tensor Key { get; init; } = Weights;

        public WinogradWeights PackWinograd(StorageBinding binding) => binding.WeightsOf(Key).Packed(
            Key, Bias, "winograd", () =>
            {
                using var source = new TensorFloats(Weights);
                return WinogradWeights.Pack(source, (int)Weights.Shape[0], (int)Weights.Shape[1], BiasValues);
            });

        public ConvolutionWeights Pack(StorageBinding binding) => binding.WeightsOf(Key).Packed(
            Key, Bias, $"convolution {Groups} {Form}", () =>
            {
                using var source = new TensorFloats(Weights);
                return ConvolutionWeights.Pack(source, WeightShape, BiasValues);
            });

        public WeightShape WeightShape => new((int)Weights.Shape[0], (int)Weights.Shape[1],
            Weights.Shape.Length == 3 ? 1 : (int)Weights.Shape[2], (int)Weights.Shape[^1], Groups);

        private ReadOnlySpan<float> BiasValues => Bias is null ? [] : Bias.AsSpan<float>();
    }
}
