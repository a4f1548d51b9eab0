using Atoll.Kernels;
using static Atoll.Models.ConvolutionLowering;

namespace Atoll.Models;

/// <summary>Depthwise convolutions that are joined with what stands beside them.</summary>
internal static class DepthwiseLowering
{
    public static IEnumerable<(string Operator, NodeLowering Lower)> Fused => [(DepthwiseFusion.Operator, Lower)];

    private static void Lower(GraphNode node, LoweringContext context)
    {
        var weights = Weights(node);
        var x = context.Image(node.Name, context.Input(node, 0));
        var window = WindowGeometry.Of(node, weights.Shape[2..], x.Shape[2..], node.Out().Shape![2..]);
        var residual = context.TryInput(node, 3) is { } r ? context.Image($"{node.Name}.residual", r) : null;
        TensorView[] reads = residual is null ? [x] : [x, residual];
        var y = context.Output(node, MemoryOrder.ChannelsLast, reads, ImageViews.HasDenseChannels);
        var work = new Work(
            new Filters(weights, node.In(2)?.Constant, (int)weights.Shape[0]),
            node.In(4)?.Constant is { } expansion ? new Filters(expansion, node.In(5)?.Constant, 1) : null,
            window.Plane(), FusedActivation.Read(node), FusedActivation.Read(node, DepthwiseFusion.Expansion));
        CheckReach(node.Name, ImageViews.Pixels(y), work.Filters, work.Geometry);
        var operands = (x, residual, y);
        if (node.Outputs.Count == 1)
        {
            AddStep(context, node.Name, operands, null, work);
            return;
        }

        var means = context.Output(node, MemoryOrder.ChannelsLast, [.. reads, y], ImageViews.HasDenseChannels, 1);
        var parts = Convolution.DepthwiseParts(
            [.. ImageViews.Pixels(y).Shape.Select(d => (int)d)], weights.Shape[2..], work.Geometry,
            (int)(node.In(4)?.Shape![1] ?? 0));
        if (parts == 1)
        {
            AddStep(context, node.Name, operands, means, work);
            return;
        }

        var shares = context.Temporary(means.Type, [y.Shape[0], y.Shape[1], parts, 1], MemoryOrder.ChannelsLast);
        AddStep(context, node.Name, operands, shares, work);
        AddSum(context, $"{node.Name}.means", shares, means);
    }

    private static void AddStep(LoweringContext context, string name,
        (TensorView X, TensorView? Residual, TensorView Y) on, TensorView? means, Work work)
    {
        var (x, y) = (ImageViews.Pixels(on.X), ImageViews.Pixels(on.Y));
        var (residual, mean) = (on.Residual is { } r ? ImageViews.Pixels(r) : null,
            means is null ? null : ImageViews.Pixels(means));
        context.Add(new LoweredStep
        {
            Name = name,
            Reads = residual is null ? [x] : [x, residual],
            Writes = mean is null ? [y] : [y, mean],
            Emit = binding =>
            [
                Convolution.CreateDepthwise(name, binding.Ref(x), new DepthwiseLayer(
                    work.Filters.Pack(binding), work.Geometry,
                    new Epilogue(residual is null ? null : binding.Ref(residual), work.Activation))
                {
                    Expansion = work.Expansion?.Pack(binding),
                    ExpansionActivation = work.ExpansionActivation,
                    Means = mean is null ? null : binding.Ref(mean),
                }, binding.Ref(y)),
            ],
        });
    }

    private static void AddSum(LoweringContext context, string name, TensorView shares, TensorView sum)
    {
        var (x, y) = (ImageViews.Pixels(shares), ImageViews.Pixels(sum));
        context.Add(new LoweredStep
        {
            Name = name,
            Reads = [x],
            Writes = [y],
            Emit = binding => [Reduction.Create(
                name, ReductionOperator.Sum, ScalarType.Float32, binding.Ref(x), [1], binding.Ref(y))],
        });
    }

    private sealed record Work(Filters Filters, Filters? Expansion, ConvolutionGeometry Geometry,
        Activation Activation, Activation ExpansionActivation);
}
