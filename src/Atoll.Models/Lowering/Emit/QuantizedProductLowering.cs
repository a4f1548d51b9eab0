using Atoll.Devices;
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

    public static IEnumerable<(string Operator, NodeLowering Lower)> Fused =>
    [
        ("QLinearConvAdd", (node, context) => Conv(node, context, new Places(0, 3, 2, 5, 1))),
        (QuantizedProductFusion.Name, FloatMatMul),
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
        var zeros = Zeros(node, context, places, n);
        if (zeros.A is { ElementCount: > 1 } perRow && (a.Rank != 2 || perRow.ElementCount != rows.Shape[0]))
        {
            throw Unsupported(node, "no kernel takes these zero points of rows");
        }

        var scales = Scales(node, context, places, n);
        var y = context.Output(node, MemoryOrder.RowMajor, [rows, .. zeros.All, .. scales?.All ?? []],
            v => v.IsRowMajor);
        AddStep(node, context, new Product(rows, y.TryReshape([rows.Shape[0], n])!, zeros, scales)
        {
            Rows = binding => ByteRows.Of(binding.Ref(rows)), Pack = binding => PackMatrix(binding, weights),
        });
    }

    private static bool IsSigned(ElementType type) => type == ElementType.Int8;

    private static (TensorView? A, TensorView? B, TensorView[] All) Zeros(GraphNode node, LoweringContext context,
        Places places, long columns)
    {
        var zeroA = context.TryInput(node, places.ZeroA);
        var zeroB = context.TryInput(node, places.ZeroB);
        zeroA = zeroA is null ? null : context.Densify($"{node.Name}.za", zeroA, MemoryOrder.RowMajor);
        zeroB = zeroB is null ? null : context.Densify($"{node.Name}.zb", zeroB, MemoryOrder.RowMajor);
        QuantizedOperands.CheckZeros(node, (node.In(places.A), node.In(places.B)), (zeroA, zeroB), columns);
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
            context.TryInput(node, 8) is null ? null : View(8))
        {
            IsSigned = IsSigned(node.In(7)!.Type),
            IsSignedResult = IsSigned(node.Out().Type),
            Sum = node.IsFused("QLinearConvAdd")
                ? new SumViews(ResidualRows(node, context, columns), View(10), View(11),
                View(12), View(13)) { IsSigned = IsSigned(node.In(9)!.Type) } : null,
        };
        // The zero point at input 7 is that of the product, also where a residual is added to it.
        QuantizedOperands.CheckScales(node, (views.A, views.B, views.Y), (views.Zero, node.In(7)!.Type), views.Bias,
            columns);
        if (views.Sum is { } sum)
        {
            QuantizedOperands.CheckScale(node, sum.Scale, sum.Zero, node.In(9)!.Type);
            QuantizedOperands.CheckScale(node, sum.ScaleY, sum.ZeroY, node.Out().Type);
        }
        else
        {
            QuantizedOperands.CheckScale(node, views.Y, views.Zero, node.Out().Type);
        }

        return views;
    }

    private static void AddStep(GraphNode node, LoweringContext context, Product product)
    {
        var isSigned = IsSigned(node.In(0)!.Type);
        context.Add(new LoweredStep
        {
            Name = node.Name,
            Reads = [product.A, .. product.Zeros.All, .. product.Scales?.All ?? [], .. product.Floats?.All ?? []],
            Writes = [product.Y],
            Emit = b =>
            {
                var zeros = new ByteProduct(isSigned, Ref(b, product.Zeros.A), Ref(b, product.Zeros.B))
                {
                    Bias = Ref(b, product.Scales?.Bias),
                    Requantization = product.Scales?.Bind(b),
                    Dequantization = product.Floats?.Bind(b),
                };
                return [product.Depthwise is { } make ? make(b, zeros)
                    : ByteMultiply.Create(node.Name, product.Rows!(b), product.Pack!(b), b.Ref(product.Y), zeros)];
            },
        });
    }

    private static TensorRef? Ref(StorageBinding binding, TensorView? view) => view is null ? null : binding.Ref(view);

    // A product with float results: inputs a, b, their zero points, their scales, the bias and the residual.
    private static void FloatMatMul(GraphNode node, LoweringContext context)
    {
        var weights = Weights(node, new Places(0, 1, 2, 3, -1));
        var a = context.Densify($"{node.Name}.a", context.Input(node, 0), MemoryOrder.RowMajor);
        var (k, n) = (weights.Shape[0], weights.Shape[1]);
        var rows = a.TryReshape([a.ElementCount / Math.Max(1, k), k])!;
        var zeros = Zeros(node, context, new Places(0, 1, 2, 3, -1), n);
        if (zeros.A is { ElementCount: > 1 } perRow && (a.Rank != 2 || perRow.ElementCount != rows.Shape[0]))
        {
            throw Unsupported(node, "no kernel takes these zero points of rows");
        }

        bool IsRows(TensorView v) => v.TryReshape([rows.Shape[0], n]) is { } flat && (flat.Strides[1] == 1 || n == 1);
        var residual = context.TryInput(node, 7) is { } r
            ? context.Densify($"{node.Name}.residual", r, MemoryOrder.RowMajor, IsRows) : null;
        var floats = new FloatViews(context.Input(node, 4), context.Input(node, 5), context.TryInput(node, 6),
            residual?.TryReshape([rows.Shape[0], n]))
        {
            Activation = FusedActivation.Read(node),
        };
        QuantizedOperands.CheckFloats(node, floats.A, floats.B, floats.Bias, n);
        var y = context.Output(node, MemoryOrder.RowMajor, [rows, .. zeros.All, .. floats.All], IsRows);
        AddStep(node, context, new Product(rows, y.TryReshape([rows.Shape[0], n])!, zeros, null)
        {
            Rows = binding => ByteRows.Of(binding.Ref(rows)),
            Pack = binding => PackMatrix(binding, weights),
            Floats = floats,
        });
    }

    private static PackedBytes PackMatrix(StorageBinding binding, Tensor weights)
    {
        var (k, n) = (weights.Shape[0], weights.Shape[1]);
        return binding.WeightsOf(weights).Packed(weights, null, "bytes", () => PackedBytes.Pack(weights.Data,
            [.. Enumerable.Range(0, (int)k).Select(i => i * n)], 1, (int)n, IsSigned(weights.Type)));
    }

    // The patches under the window are the rows of a product, for each group of channels.
    private static void Conv(GraphNode node, LoweringContext context, Places places)
    {
        var weights = Weights(node, places);
        var x = context.Image(node.Name, context.Input(node, places.A));
        var groups = node.Attributes.Int("group", 1);
        var isDepthwise = groups > 1 && weights.Shape[0] == groups && weights.Shape[1] == 1 && places.ScaleA >= 0 &&
            (node.In(places.ZeroB) is null || node.In(places.ZeroB)!.IsConstant) && !node.IsFused("QLinearConvAdd");
        if (weights.Shape.Length is not (3 or 4) || (groups > GroupsMax && !isDepthwise))
        {
            throw Unsupported(node, $"no kernel convolves {groups} groups of bytes in {weights.Shape.Length - 2} axes");
        }

        var window = WindowGeometry.Of(node, weights.Shape[2..], x.Shape[2..], node.Out().Shape![2..]);
        var zeros = Zeros(node, context, places, weights.Shape[0]);
        if (zeros.A is { ElementCount: > 1 })
        {
            throw Unsupported(node, "no kernel takes several zero points of an image");
        }

        var scales = Scales(node, context, places, weights.Shape[0]);
        var y = context.Output(node, MemoryOrder.ChannelsLast, [x, .. zeros.All, .. scales?.All ?? []],
            v => PixelRows(v) is not null);
        if (isDepthwise)
        {
            Depthwise(node, context, (weights, window), new Product(ImageViews.Pixels(x), ImageViews.Pixels(y), zeros,
                scales));
            return;
        }

        var (inputs, outputs) = (weights.Shape[1], weights.Shape[0] / groups);
        var size = (Height: y.Rank == 3 ? 1 : (int)y.Shape[2], Width: (int)y.Shape[^1]);
        for (var group = 0; group < groups; group++)
        {
            var from = ImageViews.Pixels(x.Narrow(1, group * inputs, inputs));
            var to = PixelRows(y)!.Narrow(1, group * outputs, outputs);
            var part = group;
            AddStep(node, context, new Product(from, to, Part(zeros, group, outputs), scales?.Part(group, outputs))
            {
                Rows = binding => ByteRows.Of(binding.Ref(from), (window.KernelHeight, window.KernelWidth), size,
                    window.Plane()),
                Pack = binding => binding.WeightsOf(weights).Packed(weights, null,
                    $"byte convolution {part} of {groups}", () => PackConvolution(weights, part, (int)outputs)),
            });
        }
    }

    private static void Depthwise(
        GraphNode node, LoweringContext context, (Tensor Weights, WindowGeometry Window) filters,
        Product product)
    {
        var (weights, window) = filters;
        var zeros = node.In(5)?.Constant;
        DepthwiseBytes Pack(StorageBinding binding) => binding.WeightsOf(weights).Packed(weights, zeros,
            "depthwise bytes", () => DepthwiseBytes.Pack(weights.Data, zeros is null ? [] : zeros.Data,
                IsSigned(weights.Type), window.KernelHeight, window.KernelWidth));
        AddStep(node, context, product with
        {
            Depthwise = (binding, with) => ByteDepthwise.Create(node.Name, binding.Ref(product.A), Pack(binding),
                binding.Ref(product.Y), window.Plane(), with),
        });
    }

    // The residual of a convolution as rows of pixels.
    private static TensorView ResidualRows(GraphNode node, LoweringContext context, long columns)
    {
        var view = context.Densify($"{node.Name}.residual", context.Input(node, 9), MemoryOrder.ChannelsLast,
            v => PixelRows(v) is not null);
        return PixelRows(view)!;
    }

    // (pixels of all images, channels), or null where the strides do not allow it.
    private static TensorView? PixelRows(TensorView view) => ImageViews.HasDenseChannels(view)
        ? ImageViews.Pixels(view).TryReshape([view.ElementCount / Math.Max(1, view.Shape[1]), view.Shape[1]]) : null;

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
        RequantizedViews? Scales)
    {
        public Func<StorageBinding, ByteRows>? Rows { get; init; }

        public Func<StorageBinding, PackedBytes>? Pack { get; init; }

        public Func<StorageBinding, ByteProduct, CpuKernel>? Depthwise { get; init; }

        public FloatViews? Floats { get; init; }
    }

    private sealed record FloatViews(TensorView A, TensorView B, TensorView? Bias, TensorView? Residual)
    {
        public Activation Activation { get; init; } = Activation.None;

        public TensorView[] All => [.. new[] { A, B, Bias, Residual }.OfType<TensorView>()];

        public Dequantization Bind(StorageBinding b) => new(b.Ref(A), b.Ref(B))
        {
            Bias = Ref(b, Bias), Residual = Ref(b, Residual), Activation = Activation,
        };
    }

    /// <summary>A residual with scale and zero point, and those of the result.</summary>
    private sealed record SumViews(TensorView Residual, TensorView Scale, TensorView Zero, TensorView ScaleY,
        TensorView ZeroY)
    {
        public bool IsSigned { get; init; }
    }

    private sealed record RequantizedViews(TensorView A, TensorView B, TensorView Y, TensorView Zero, TensorView? Bias)
    {
        public bool IsSigned { get; init; }

        public bool IsSignedResult { get; init; }

        public SumViews? Sum { get; init; }

        public TensorView[] All => [.. new[] { A, B, Y, Zero, Bias, Sum?.Residual, Sum?.Scale, Sum?.Zero, Sum?.ScaleY,
            Sum?.ZeroY }.OfType<TensorView>()];

        public RequantizedViews Part(int group, long outputs) => this with
        {
            B = B.ElementCount > 1 ? B.Narrow(0, group * outputs, outputs) : B,
            Bias = Bias?.Narrow(0, group * outputs, outputs),
            Sum = Sum is null ? null
                : Sum with { Residual = Sum.Residual.Narrow(1, group * outputs, outputs) },
        };

        public Requantization Bind(StorageBinding b)
        {
            var stored = new ByteScale(b.Ref(Y), b.Ref(Zero), IsSigned);
            return Sum is null ? new Requantization(b.Ref(A), b.Ref(B), stored)
                : new Requantization(b.Ref(A), b.Ref(B),
                    new ByteScale(b.Ref(Sum.ScaleY), b.Ref(Sum.ZeroY), IsSignedResult))
                {
                    Sum = new QuantizedSum(stored, b.Ref(Sum.Residual),
                        new ByteScale(b.Ref(Sum.Scale), b.Ref(Sum.Zero), Sum.IsSigned)),
                };
        }
    }
}
