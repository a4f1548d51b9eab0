using Atoll.Devices;
using Atoll.Kernels;

namespace Atoll.Models;

/// <summary>
/// Pooling over windows and over whole images. Three dimensions are pooled over the plane, then over the depth.
/// </summary>
internal static class PoolingLowering
{
    private delegate CpuKernel MakePool(string name, TensorRef x, TensorRef y, WindowGeometry window);

    public static IEnumerable<(string Operator, NodeLowering Lower)> Operators =>
    [
        ("MaxPool", (node, context) => Windows(node, context, Maximum)),
        ("AveragePool", (node, context) =>
            Windows(node, context, node.Attributes.Int("count_include_pad") != 0 ? Mean : MeanInside)),
        ("GlobalAveragePool", Global(ReductionOperator.Mean)), ("GlobalMaxPool", Global(ReductionOperator.Maximum)),
    ];

    private static CpuKernel Maximum(string name, TensorRef x, TensorRef y, WindowGeometry w) =>
        Pooling.Maximum(name, x, y, w.KernelHeight, w.KernelWidth, w.Plane());

    private static CpuKernel Mean(string name, TensorRef x, TensorRef y, WindowGeometry w) =>
        Pooling.Average(name, x, y, w.KernelHeight, w.KernelWidth, w.Plane(), true);

    private static CpuKernel MeanInside(string name, TensorRef x, TensorRef y, WindowGeometry w) =>
        Pooling.Average(name, x, y, w.KernelHeight, w.KernelWidth, w.Plane(), false);

    private static void Windows(GraphNode node, LoweringContext context, MakePool make)
    {
        var isBytes = node.Is("MaxPool") && node.Out().Type is ElementType.UInt8 or ElementType.Int8;
        if (node.Outputs.Skip(1).Any(o => o is not null) || (node.Out().Type != ElementType.Float32 && !isBytes))
        {
            throw new ModelException(ModelError.UnsupportedOperator,
                $"{node} (opset {node.Opset}): only pooling of floats, or of bytes by their maximum, without the " +
                    $"indices output is supported");
        }

        var x = context.Image(node.Name, context.Input(node, 0));
        var shape = node.Out().Shape!;
        var window = WindowGeometry.Of(node, node.Attributes.Ints("kernel_shape"), x.Shape[2..], shape[2..]);
        if (isBytes)
        {
            make = (name, from, to, w) => Quantization.MaximumPool(name, from, to, (w.KernelHeight, w.KernelWidth),
                w.Plane(), x.Type == ElementType.Int8);
        }

        if (window.Axes == 3)
        {
            Volume(node, context, x, (window, make));
            return;
        }

        var y = context.Output(node, MemoryOrder.ChannelsLast, [x], ImageViews.HasDenseChannels);
        AddStep(context, node.Name, ImageViews.Pixels(x), ImageViews.Pixels(y), (window, make));
    }

    // Largest value and mean of a box are those of its planes' largest values and means.
    private static void Volume(GraphNode node, LoweringContext context, TensorView x,
        (WindowGeometry Window, MakePool Make) pool)
    {
        var (n, c, depth, shape) = (x.Shape[0], x.Shape[1], x.Shape[2], node.Out().Shape!);
        x = context.Densify(node.Name, x, MemoryOrder.ChannelsLast, v =>
            v.TryReshape([n, c, depth, x.Shape[3] * x.Shape[4]]) is not null &&
            ImageViews.HasDenseChannels(v));
        var planes = context.Temporary(x.Type, [n, c, depth, shape[3], shape[4]], MemoryOrder.ChannelsLast);
        for (var image = 0; image < n; image++)
        {
            AddStep(context, $"{node.Name}.plane{image}", Slices(x, image), Slices(planes, image),
                pool with { Window = Axes(pool.Window, 1..) });
        }

        var y = context.Output(node, MemoryOrder.ChannelsLast, [planes],
            v => ImageViews.HasDenseChannels(v) && v.TryReshape([n, c, shape[2], shape[3] * shape[4]]) is not null);
        var from = planes.TryReshape([n, c, depth, shape[3] * shape[4]])!;
        var to = y.TryReshape([n, c, shape[2], shape[3] * shape[4]])!;
        var line = Axes(pool.Window, ..1);
        var column = new WindowGeometry([line.Kernel[0], 1], [line.Strides[0], 1], [line.Dilations[0], 1],
            [line.Before[0], 0], [line.After[0], 0]);
        AddStep(context, node.Name, ImageViews.Pixels(from), ImageViews.Pixels(to), pool with { Window = column });
    }

    private static WindowGeometry Axes(WindowGeometry w, Range axes) =>
        new(w.Kernel[axes], w.Strides[axes], w.Dilations[axes], w.Before[axes], w.After[axes]);

    // (depth, H, W, C) of one image of (N, C, depth, H, W).
    private static TensorView Slices(TensorView view, int image)
    {
        var one = view.Narrow(0, image, 1).Permute([0, 2, 3, 4, 1]);
        return new TensorView(one.Storage, one.Offset, one.Type, one.Shape[1..], one.Strides[1..]);
    }

    private static void AddStep(
        LoweringContext context, string name, TensorView x, TensorView y,
            (WindowGeometry Window, MakePool Make) pool) =>
        context.Add(new LoweredStep
        {
            Name = name,
            Reads = [x],
            Writes = [y],
            Emit = binding => [pool.Make(name, binding.Ref(x), binding.Ref(y), pool.Window)],
        });

    private static NodeLowering Global(ReductionOperator function) => (node, context) =>
    {
        var x = context.Input(node, 0);
        int[] axes = [.. Enumerable.Range(2, x.Rank - 2)];
        var y = context.Output(node, MemoryOrder.ChannelsLast, [x]);
        context.Add(new LoweredStep
        {
            Name = node.Name,
            Reads = [x],
            Writes = [y],
            Emit = binding =>
                [Reduction.Create(node.Name, function, (ScalarType)x.Type, binding.Ref(x), axes, binding.Ref(y))],
        });
    };
}
