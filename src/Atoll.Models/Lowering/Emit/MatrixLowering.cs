using Atoll.Kernels;

namespace Atoll.Models;

/// <summary>
/// Matrix products by packed constant weights with epilogue, products of two variables, and fused attention.
/// </summary>
internal static class MatrixLowering
{
    public static IEnumerable<(string Operator, NodeLowering Lower)> Operators => [("MatMul", MatMul), ("Gemm", Gemm)];

    public static IEnumerable<(string Operator, NodeLowering Lower)> Fused =>
        [("MatMul", PackedMatMul), ("Attention", FusedAttention)];

    private static void PackedMatMul(GraphNode node, LoweringContext context)
    {
        var weights = node.In(1)!.Constant!;
        var transposed = node.Attributes.Int("transB") != 0;
        var (k, n) = transposed ? (weights.Shape[1], weights.Shape[0]) : (weights.Shape[0], weights.Shape[1]);
        var bias = node.In(2)?.Constant;
        var a = context.Densify(node.Name, context.Input(node, 0), MemoryOrder.RowMajor, v => IsRows(v, k));
        var residual = context.TryInput(node, 3) is { } r
            ? context.Densify($"{node.Name}.residual", r, MemoryOrder.RowMajor, v => IsRows(v, n))
            : null;
        TensorView[] reads = residual is null ? [a] : [a, residual];
        var y = context.Output(node, MemoryOrder.RowMajor, reads, v => IsRows(v, n));
        var activation = FusedActivation.Read(node);
        context.Add(new LoweredStep
        {
            Name = node.Name,
            Reads = reads,
            Writes = [y],
            Emit = binding =>
            {
                var packed = binding.WeightsOf(weights).Packed(weights, bias, $"matrix {transposed}", source =>
                    PackedMatrix.Pack(
                        source, (int)k, (int)n, transposed, bias is null ? [] : bias.AsSpan<float>()));
                var epilogue = new Epilogue(residual is null ? null : binding.Ref(residual), activation);
                return [MatrixMultiply.Create(node.Name, binding.Ref(a), packed, binding.Ref(y), epilogue)];
            },
        });
    }

    // The leading axes collapse into rows of contiguous columns.
    private static bool IsRows(TensorView view, long columns) =>
        columns > 0 && view.TryReshape([view.ElementCount / columns, columns]) is { } rows &&
            (rows.Strides[1] == 1 || columns == 1);

    private static bool HasDenseRows(TensorView view) => view.Rank >= 2 &&
        (view.Strides[^1] == 1 || view.Shape[^1] == 1);

    private static void MatMul(GraphNode node, LoweringContext context)
    {
        RequireFloat(node);
        var (a, b) = (context.Input(node, 0), context.Input(node, 1));
        var shape = node.Out().Shape!;
        // A vector is a matrix of one row or one column, whose axis the result lacks.
        long[] rows = a.Rank == 1 ? [1] : [a.Shape[^2]];
        long[] columns = b.Rank == 1 ? [1] : [b.Shape[^1]];
        var lead = Math.Max(a.Rank, b.Rank) > 2 ? shape[..(Math.Max(a.Rank, b.Rank) - 2)] : [];
        long[] full = [.. lead, .. rows, .. columns];
        a = a.Rank == 1 ? a.TryReshape([1, a.Shape[0]])! : a;
        b = b.Rank == 1 ? b.TryReshape([b.Shape[0], 1])! : b;
        var y = context.Output(node, MemoryOrder.RowMajor, [a, b], v => v.TryReshape(full) is { } w && HasDenseRows(w));
        AddProduct(context, node.Name, a, b, (y.TryReshape(full)!, 1));
    }

    /// <summary>Adds a batched product of two views; the rows of the result are dense.</summary>
    public static void AddProduct(LoweringContext context, string name, TensorView a, TensorView b,
        (TensorView View, float Scale) y) =>
        context.Add(new LoweredStep
        {
            Name = name,
            Reads = [a, b],
            Writes = [y.View],
            Emit = binding => [MatrixMultiply.CreateBatched(name, binding.Ref(a), binding.Ref(b), binding.Ref(y.View),
                y.Scale)],
        });

    // alpha a b + beta c of variables: the product, then what is added to it.
    private static void Gemm(GraphNode node, LoweringContext context)
    {
        RequireFloat(node);
        var (a, b, c) = (context.Input(node, 0), context.Input(node, 1), context.TryInput(node, 2));
        a = node.Attributes.Int("transA") != 0 ? a.SwapLastTwo() : a;
        b = node.Attributes.Int("transB") != 0 ? b.SwapLastTwo() : b;
        var (alpha, beta) = (node.Attributes.Float("alpha", 1), node.Attributes.Float("beta", 1));
        if (c is null || beta == 0)
        {
            AddProduct(context, node.Name, a, b,
                (context.Output(node, MemoryOrder.RowMajor, [a, b], HasDenseRows), alpha));
            return;
        }

        var product = context.Temporary(ElementType.Float32, node.Out().Shape!);
        AddProduct(context, $"{node.Name}.product", a, b, (product, alpha));
        if (beta != 1)
        {
            var scaled = context.Temporary(ElementType.Float32, c.Shape);
            var unscaled = c;
            context.Add(new LoweredStep
            {
                Name = $"{node.Name}.beta",
                Reads = [unscaled],
                Writes = [scaled],
                Emit = binding => [Elementwise.Unary(node.Name, UnaryOperator.Affine, binding.Ref(unscaled),
                    binding.Ref(scaled), beta)],
            });
            c = scaled;
        }

        var y = context.Output(node, MemoryOrder.RowMajor, [product, c]);
        context.Add(new LoweredStep
        {
            Name = node.Name,
            Reads = [product, c],
            Writes = [y],
            Emit = binding =>
            [
                Elementwise.Binary(node.Name, BinaryOperator.Add, ScalarType.Float32, binding.Ref(product),
                    binding.Ref(c), binding.Ref(y)),
            ],
        });
    }

    // The third operand of the product comes transposed, (batch, heads, depth, tokens): a view puts it right.
    private static void FusedAttention(GraphNode node, LoweringContext context)
    {
        var q = context.Densify($"{node.Name}.q", context.Input(node, 0), MemoryOrder.RowMajor, HasDenseRows);
        var (k, v, mask) = (context.Input(node, 1).SwapLastTwo(), context.Input(node, 2), context.TryInput(node, 3));
        TensorView[] reads = mask is null ? [q, k, v] : [q, k, v, mask];
        var y = context.Output(node, MemoryOrder.TokensFirst, reads, HasDenseRows);
        var scale = node.Attributes.Float("scale", 1);
        context.Add(new LoweredStep
        {
            Name = node.Name,
            Reads = reads,
            Writes = [y],
            Emit = binding =>
            [
                Attention.Create(node.Name, binding.Ref(q), binding.Ref(k), binding.Ref(v),
                    mask is null ? null : binding.Ref(mask), scale, binding.Ref(y)),
            ],
        });
    }

    private static void RequireFloat(GraphNode node)
    {
        if (node.Out().Type != ElementType.Float32)
        {
            throw new ModelException(ModelError.UnsupportedOperator,
                $"{node} (opset {node.Opset}): products of {node.Out().Type} are not supported");
        }
    }
}
