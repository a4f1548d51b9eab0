using Atoll.Kernels;

namespace Atoll.Models;

/// <summary>Products and convolutions of 8-bit integers by constant weights.</summary>
internal static class QuantizedProductLowering
{
    private const int GroupsMax = 64;

    public static IEnumerable<(string Operator, NodeLowering Lower)> Operators =>
    [
        ("MatMulInteger", (node, context) => MatMul(node, context, new Places(0, 1, 2, 3, -1))),
        ("QLinearMatMul", (node, context) => MatMul(node, context, new Places(0, 3, 2, 5, 1))),
        ("ConvInteger", (node, context) => Conv(node, context, new Places(0, 1, 2, 3, -1))),
        ("QLinearConv", (node, context) => Conv(node, context, new Places(0, 3, 2, 5, 1))),
    ];

    private static ModelException Unsupported(GraphNode node, string why) =>
        new(ModelError.UnsupportedOperator, $"{node} (opset {node.Opset}): {why}");

    private static Tensor Weights(GraphNode node, Places places) =>
        node.In(places.B)?.Constant is { Type: ElementType.Int8 or ElementType.UInt8 } weights ? weights
            : throw Unsupported(node, "no kernel multiplies by bytes that are not constant");

    private static void MatMul(GraphNode node, LoweringContext context, Places places)
    {
        var weights = Weights(node, places);
        var a = context.Densify($"{node.Name}.a", context.Input(node, places.A), MemoryOrder.RowMajor);
        if (weights.Shape.Length != 2 || a.Rank < 2)
        {
            throw Unsupported(node, "no kernel multiplies by a stack of matrices of bytes");
        }

        var (k, n) = (weights.Shape[0], weights.Shape[1]);
        var rows = a.TryReshape([a.ElementCount / Math.Max(1, k), k])!;
        var zeros = Zeros(node, context, places);
        if (zeros.A is { ElementCount: > 1 } perRow && (a.Rank != 2 || perRow.ElementCount != rows.Shape[0]))
        {
            throw Unsupported(node, "no kernel takes these zero points of rows");
        }

        var scales = Scales(node, context, places, n);
        var y = context.Output(node, MemoryOrder.RowMajor, [rows, .. zeros.All, .. scales?.All ?? []],
            v => v.IsRowMajor);
        var columns = Enumerable.Range(0, (int)k).Select(i => i * n).ToArray();
        AddStep(node, context, new Product(rows, y.TryReshape([rows.Shape[0], n])!, zeros, scales,
            binding => ByteRows.Of(binding.Ref(rows)), binding => binding.WeightsOf(weights).Packed(weights, null,
                "bytes", () => PackedBytes.Pack(weights.Data, columns, 1, (int)n, IsSigned(weights.Type)))));
    }

    private static bool IsSigned(ElementType type) => type == ElementType.Int8;

    private static (TensorView? A, TensorView? B, TensorView[] All) Zeros(GraphNode node, LoweringContext context,
        Places places)
    {
        var zeroA = context.TryInput(node, places.ZeroA);
        var zeroB = context.TryInput(node, places.ZeroB);
        zeroA = zeroA is null ? null : context.Densify($"{node.Name}.za", zeroA, MemoryOrder.RowMajor);
        zeroB = zeroB is null ? null : context.Densify($"{node.Name}.zb", zeroB, MemoryOrder.RowMajor);
        return (zeroA, zeroB, [.. new[] { zeroA, zeroB }.OfType<TensorView>()]);
    }

    // Inputs 1, 4, 6, 7 and 8 of the QLinear operators; null for those that leave their sums.
    private static RequantizedViews? Scales(GraphNode node, LoweringContext context, Places places, long columns)
    {
        if (places.ScaleA < 0)
        {
            return null;
        }

        TensorView View(int input) => context.Densify($"{node.Name}.{input}", context.Input(node, input),
            MemoryOrder.RowMajor);
        var views = new RequantizedViews(View(1), View(4), View(6), View(7),
            context.TryInput(node, 8) is null ? null : View(8));
        if (views.A.Type != ElementType.Float32 || views.A.ElementCount != 1 || views.Y.ElementCount != 1 ||
            (views.B.ElementCount != 1 && views.B.ElementCount != columns))
        {
            throw Unsupported(node, "no kernel takes these scales");
        }

        return views;
    }

    private static void AddStep(GraphNode node, LoweringContext context, Product product)
    {
        var isSigned = IsSigned(node.In(0)!.Type);
        var isSignedResult = IsSigned(node.Out().Type);
        TensorRef? Ref(StorageBinding binding, TensorView? view) => view is null ? null : binding.Ref(view);
        context.Add(new LoweredStep
        {
            Name = node.Name,
            Reads = [product.A, .. product.Zeros.All, .. product.Scales?.All ?? []],
            Writes = [product.Y],
            Emit = b =>
            {
                var scales = product.Scales is not { } s ? null
                    : new Requantization(b.Ref(s.A), b.Ref(s.B),
                        new ByteScale(b.Ref(s.Y), b.Ref(s.Zero), isSignedResult));
                var zeros = new ByteProduct(isSigned, Ref(b, product.Zeros.A), Ref(b, product.Zeros.B))
                {
                    Bias = Ref(b, product.Scales?.Bias),
                    Requantization = scales,
                };
                return [ByteMultiply.Create(node.Name, product.Rows(b), product.Pack(b), b.Ref(product.Y), zeros)];
            },
        });
    }

    // The patches under the window are the rows of a product, for each group of channels.
    private static void Conv(GraphNode node, LoweringContext context, Places places)
    {
        var weights = Weights(node, places);
        var x = context.Image(node.Name, context.Input(node, places.A));
        var groups = node.Attributes.Int("group", 1);
        if (weights.Shape.Length is not (3 or 4) || groups > GroupsMax)
        {
            throw Unsupported(node, $"no kernel convolves {groups} groups of bytes in {weights.Shape.Length - 2} axes");
        }

        var window = WindowGeometry.Of(node, weights.Shape[2..], x.Shape[2..], node.Out().Shape![2..]);
        var zeros = Zeros(node, context, places);
        var scales = Scales(node, context, places, weights.Shape[0]);
        var y = context.Output(node, MemoryOrder.ChannelsLast, [x, .. zeros.All, .. scales?.All ?? []],
            v => ImageViews.Pixels(v) is var p && p.TryReshape([p.Shape[0] * p.Shape[1] * p.Shape[2], p.Shape[3]])
                is not null && ImageViews.HasDenseChannels(v));
        var (inputs, outputs) = (weights.Shape[1], weights.Shape[0] / groups);
        for (var group = 0; group < groups; group++)
        {
            var (from, to) = (ImageViews.Pixels(x.Narrow(1, group * inputs, inputs)),
                ImageViews.Pixels(y).TryReshape([y.Shape[0] * y.ElementCount / Math.Max(1, y.Shape[0] * y.Shape[1]),
                    y.Shape[1]])!.Narrow(1, group * outputs, outputs));
            var size = (Height: y.Rank == 3 ? 1 : (int)y.Shape[2], Width: (int)y.Shape[^1]);
            var part = group;
            AddStep(node, context, new Product(from, to, Part(zeros, group, outputs),
                scales?.Part(group, outputs),
                binding => ByteRows.Of(binding.Ref(from), (window.KernelHeight, window.KernelWidth), size,
                    window.Plane()),
                binding => binding.WeightsOf(weights).Packed(weights, null, $"byte convolution {part} of {groups}",
                    () => PackConvolution(weights, part, (int)outputs))));
        }
    }

    private static (TensorView? A, TensorView? B, TensorView[] All) Part(
        (TensorView? A, TensorView? B, TensorView[] All) zeros, int group, long outputs)
    {
        var part = zeros.B is { ElementCount: > 1 } b ? b.Narrow(0, group * outputs, outputs) : zeros.B;
        return (zeros.A, part, [.. new[] { zeros.A, part }.OfType<TensorView>()]);
    }

    private static PackedBytes PackConvolution(Tensor weights, int group, int outputs)
    {
        var (channels, taps) = (weights.Shape[1], weights.Shape[2..].Aggregate(1L, (a, b) => a * b));
        var start = group * outputs * channels * taps;
        long[] rows = [.. Enumerable.Range(0, (int)(channels * taps)).Select(i =>
            start + i % channels * taps + i / channels)];
        return PackedBytes.Pack(weights.Data, rows, channels * taps, outputs, IsSigned(weights.Type));
    }

    /// <summary>Which inputs are the operands, their zero points and (or -1) the first scale.</summary>
    private sealed record Places(int A, int B, int ZeroA, int ZeroB, int ScaleA);

    private sealed record Product(TensorView A, TensorView Y, (TensorView? A, TensorView? B, TensorView[] All) Zeros,
        RequantizedViews? Scales, Func<StorageBinding, ByteRows> Rows, Func<StorageBinding, PackedBytes> Pack);

    private sealed record RequantizedViews(TensorView A, TensorView B, TensorView Y, TensorView Zero, TensorView? Bias)
    {
        public TensorView[] All => [.. new[] { A, B, Y, Zero, Bias }.OfType<TensorView>()];

        public RequantizedViews Part(int group, long outputs) => this with
        {
            B = B.ElementCount > 1 ? B.Narrow(0, group * outputs, outputs) : B,
            Bias = Bias?.Narrow(0, group * outputs, outputs),
        };
    }
}
