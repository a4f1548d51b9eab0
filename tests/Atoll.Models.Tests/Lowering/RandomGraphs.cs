namespace Atoll.Models.Tests;

/// <summary>Small random networks of the shapes that the sample models have: every seed another one.</summary>
internal static class RandomGraphs
{
    public static Graph ConvolutionChain(int seed)
    {
        var b = new GraphBuilder(seed);
        var channels = b.Random.Next(1, 20);
        var x = b.Input(b.Random.Next(1, 3), channels, 9 + b.Random.Next(6), 11);
        for (var layer = 0; layer < 4; layer++)
        {
            var next = b.Random.Next(1, 40);
            x = ConvolutionBlock(b, x, channels, next, 1 + (2 * b.Random.Next(2)), 1);
            channels = next;
        }

        x = b.Op("MaxPool", [("kernel_shape", new[] { 3L, 3L }), ("strides", new[] { 2L, 2L }),
            ("pads", new[] { 1L, 1L, 1L, 1L })], x);
        return b.Build(Classifier(b, x, channels));
    }

    public static Graph Residual(int seed)
    {
        var b = new GraphBuilder(seed);
        var channels = b.Random.Next(3, 33);
        var x = b.Input(1, channels, 8, 8);
        for (var block = 0; block < 3; block++)
        {
            var inner = ConvolutionBlock(b, x, channels, channels / 2 + 1, 1, 1);
            inner = ConvolutionBlock(b, inner, channels / 2 + 1, channels, 3, 1, withActivation: false);
            var sum = b.Random.Next(2) == 0 ? b.Op("Add", inner, x) : b.Op("Add", x, inner);
            x = b.Op("Relu", sum);
        }

        return b.Build(Classifier(b, x, channels));
    }

    /// <summary>
    /// Each layer reads the concatenation of all layers before it, written as one growing list or as a chain.
    /// </summary>
    public static Graph DenseBlocks(int seed)
    {
        var b = new GraphBuilder(seed);
        var chained = b.Random.Next(2) == 0;
        var (channels, growth) = (b.Random.Next(4, 12), b.Random.Next(1, 9));
        var x = b.Input(1, 3, 8, 8);
        x = ConvolutionBlock(b, x, 3, channels, 3, 1);
        for (var block = 0; block < 2; block++)
        {
            List<GraphValue> features = [x];
            for (var layer = 0; layer < 4; layer++)
            {
                var joined = Concat(b, 1, [.. features]);
                var y = b.Op("Relu", Normalize(b, joined, channels));
                y = ConvolutionBlock(b, y, channels, growth * 2, 1, 1);
                y = b.Op("Conv", [("pads", new[] { 1L, 1L, 1L, 1L })], y, b.Weights(growth, growth * 2, 3, 3));
                features = chained ? [joined, y] : [.. features, y];
                channels += growth;
            }

            x = b.Op("Relu", Normalize(b, Concat(b, 1, [.. features]), channels));
            x = ConvolutionBlock(b, x, channels, channels / 2, 1, 1);
            channels /= 2;
            x = b.Op("AveragePool", [("kernel_shape", new[] { 2L, 2L }), ("strides", new[] { 2L, 2L })], x);
        }

        return b.Build(Classifier(b, x, channels));
    }

    public static Graph Inception(int seed)
    {
        var b = new GraphBuilder(seed);
        var channels = b.Random.Next(3, 20);
        var x = b.Input(1, channels, 7, 9);
        for (var block = 0; block < 2; block++)
        {
            var widths = Enumerable.Range(0, 4).Select(_ => b.Random.Next(1, 18)).ToArray();
            var narrow = ConvolutionBlock(b, x, channels, widths[0], 1, 1);
            var wide = ConvolutionBlock(b, ConvolutionBlock(b, x, channels, 7, 1, 1), 7, widths[1], 3, 1);
            var left = b.Op("Conv", [("pads", new[] { 0L, 1L, 0L, 1L })], narrow,
                b.Weights(widths[2], widths[0], 1, 3));
            var pooled = b.Op("AveragePool",
                [("kernel_shape", new[] { 3L, 3L }), ("pads", new[] { 1L, 1L, 1L, 1L }), ("count_include_pad", 1L)], x);
            var projected = ConvolutionBlock(b, pooled, channels, widths[3], 1, 1);
            x = Concat(b, 1, narrow, Concat(b, 1, wide, left), projected);
            channels = widths.Sum();
        }

        return b.Build(Classifier(b, x, channels));
    }

    public static Graph Transformer(int seed)
    {
        var b = new GraphBuilder(seed);
        var (heads, depth, length) = (b.Random.Next(1, 4), 4 * b.Random.Next(1, 5), b.Random.Next(2, 12));
        var width = (long)heads * depth;
        var x = b.Input(1, length, width);
        var mask = b.Input(1, 1, 1, length);
        for (var layer = 0; layer < 2; layer++)
        {
            GraphValue Heads(GraphValue v) => b.Op("Transpose", [("perm", new[] { 0L, 2L, 1L, 3L })],
                b.Op("Reshape", Linear(b, v, width, width), b.Ints(1, -1, heads, depth)));
            var (q, k, v) = (Heads(x), Heads(x), Heads(x));
            var scores = b.Op("MatMul", q, b.Op("Transpose", [("perm", new[] { 0L, 1L, 3L, 2L })], k));
            scores = b.Op("Add", b.Op("Div", scores, b.Scalar(MathF.Sqrt(depth))), mask);
            var mixed = b.Op("MatMul", b.Op("Softmax", [("axis", -1L)], scores), v);
            mixed = b.Op("Reshape", b.Op("Transpose", [("perm", new[] { 0L, 2L, 1L, 3L })], mixed),
                b.Ints(1, -1, width));
            x = LayerNorm(b, b.Op("Add", Linear(b, mixed, width, width), x), width);
            var hidden = Gelu(b, Linear(b, x, width, 2 * width));
            x = LayerNorm(b, b.Op("Add", Linear(b, hidden, 2 * width, width), x), width);
        }

        return b.Build(x);
    }

    public static GraphValue LayerNorm(GraphBuilder b, GraphValue x, long width)
    {
        (string, object)[] lastAxis = [("axes", new[] { -1L })];
        var centered = b.Op("Sub", x, b.Op("ReduceMean", lastAxis, x));
        var variance = b.Op("ReduceMean", lastAxis, b.Op("Pow", centered, b.Scalar(2)));
        var normal = b.Op("Div", centered, b.Op("Sqrt", b.Op("Add", variance, b.Scalar(1e-5f))));
        return b.Op("Add", b.Op("Mul", normal, b.Positive(width)), b.Weights(width));
    }

    public static GraphValue Gelu(GraphBuilder b, GraphValue x)
    {
        var erf = b.Op("Add", b.Op("Erf", b.Op("Div", x, b.Scalar(MathF.Sqrt(2)))), b.Scalar(1));
        return b.Op("Mul", b.Op("Mul", x, erf), b.Scalar(0.5f));
    }

    public static GraphValue Concat(GraphBuilder b, long axis, params GraphValue[] parts) =>
        b.Op("Concat", [("axis", axis)], parts);

    private static GraphValue Linear(GraphBuilder b, GraphValue x, long inputs, long outputs) =>
        b.Op("Add", b.Op("MatMul", x, b.Weights(inputs, outputs)), b.Weights(outputs));

    private static GraphValue Normalize(GraphBuilder b, GraphValue x, long channels) =>
        b.Op("BatchNormalization", x, b.Positive(channels), b.Weights(channels), b.Weights(channels),
            b.Positive(channels));

    private static GraphValue ConvolutionBlock(
        GraphBuilder b, GraphValue x, long inputs, long outputs, long size, long stride, bool withActivation = true)
    {
        var pad = size / 2;
        var weights = b.Weights(outputs, inputs, size, size);
        var bias = b.Random.Next(2) == 0 ? b.Weights(outputs) : null;
        (string, object)[] attributes = [("pads", new[] { pad, pad, pad, pad }), ("strides", new[] { stride, stride })];
        var y = bias is null ? b.Op("Conv", attributes, x, weights) : b.Op("Conv", attributes, x, weights, bias);
        y = b.Random.Next(3) > 0 ? Normalize(b, y, outputs) : y;
        return withActivation ? b.Op("Relu", y) : y;
    }

    private static GraphValue Classifier(GraphBuilder b, GraphValue x, long channels)
    {
        var flat = b.Op("Flatten", b.Op("GlobalAveragePool", x));
        var logits = b.Op("Gemm", [("transB", 1L)], flat, b.Weights(5, channels), b.Weights(5));
        return b.Op("Softmax", [("axis", 1L)], logits);
    }
}
