namespace Atoll.Models;

/// <summary>
/// Einstein sums of two operands as a batched matrix product of permuted views, and of one operand as a permutation.
/// </summary>
internal static class EinsumLowering
{
    public static IEnumerable<(string Operator, NodeLowering Lower)> Operators => [("Einsum", Lower)];

    private static void Lower(GraphNode node, LoweringContext context)
    {
        var views = Enumerable.Range(0, node.Inputs.Count).Select(i => context.Input(node, i)).ToArray();
        var equation = EinsumEquation.Parse(node.Attributes.Text("equation"), [.. views.Select(v => v.Rank)]);
        var sizes = equation.Sizes([.. views.Select(v => v.Shape)]);
        var isPlain = !equation.Inputs.Where((labels, i) => labels.Distinct().Count() != labels.Length ||
            labels.Where((label, axis) => views[i].Shape[axis] != sizes[label]).Any()).Any();
        if (isPlain && views.Length == 1 && equation.Output.Length == views[0].Rank)
        {
            context.Bind(node.Out(), Ordered(views[0], equation.Inputs[0], equation.Output));
        }
        else if (isPlain && views.Length == 2 && views[0].Type == ElementType.Float32)
        {
            Product(node, context, (views[0], equation.Inputs[0]), (views[1], equation.Inputs[1]), equation.Output);
        }
        else
        {
            throw Unsupported(node);
        }
    }

    private static ModelException Unsupported(GraphNode node) => new(ModelError.UnsupportedOperator,
        $"{node} (opset {node.Opset}): no kernel computes '{node.Attributes.Text("equation")}'");

    private static TensorView Ordered(TensorView view, int[] labels, IEnumerable<int> order) =>
        view.Permute([.. order.Select(label => Array.IndexOf(labels, label))]);

    // (batch, left, summed) by (batch, summed, right) gives (batch, left, right), seen in the order of the output.
    private static void Product(GraphNode node, LoweringContext context, (TensorView View, int[] Labels) a,
        (TensorView View, int[] Labels) b, int[] output)
    {
        int[] both = [.. a.Labels.Intersect(b.Labels)];
        int[] batch = [.. both.Intersect(output)], summed = [.. both.Except(output)];
        int[] left = [.. a.Labels.Except(both)], right = [.. b.Labels.Except(both)];
        if (left.Except(output).Concat(right.Except(output)).Any())
        {
            throw Unsupported(node);
        }

        long Size(IEnumerable<int> labels) => labels.Aggregate(1L, (size, label) => size *
            (a.Labels.Contains(label) ? a.View.Shape[Array.IndexOf(a.Labels, label)]
                : b.View.Shape[Array.IndexOf(b.Labels, label)]));
        TensorView Matrix(string name, TensorView view, int[] labels, int[] order, long[] shape)
        {
            var sorted = Ordered(view, labels, order);
            return (sorted.TryReshape(shape) ??
                context.Densify($"{node.Name}.{name}", sorted, MemoryOrder.RowMajor).TryReshape(shape))!;
        }

        var (n, m, k, columns) = (Size(batch), Size(left), Size(summed), Size(right));
        var x = Matrix("a", a.View, a.Labels, [.. batch, .. left, .. summed], [n, m, k]);
        var y = Matrix("b", b.View, b.Labels, [.. batch, .. summed, .. right], [n, k, columns]);
        int[] made = [.. batch, .. left, .. right];
        var product = context.Temporary(ElementType.Float32, [.. made.Select(label => Size([label]))]);
        MatrixLowering.AddProduct(context, node.Name, x, y, (product.TryReshape([n, m, columns])!, 1));
        context.Bind(node.Out(), Ordered(product, made, output));
    }
}
