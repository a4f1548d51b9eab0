namespace Atoll.Models;

/// <summary>Normalizations and softmax over float tensors, with sums in double precision.</summary>
internal static class NormalizationOperators
{
    public static IEnumerable<OperatorDefinition> All =>
    [
        new("Softmax", InferSoftmax, call => [Softmax(call, log: false)]),
        new("LogSoftmax", InferSoftmax, call => [Softmax(call, log: true)]),
        new("BatchNormalization", InferBatch, BatchNormalize) { InputsMin = 5, InputsMax = 5, OutputsMax = 5 },
        new("InstanceNormalization", InferInstance, InstanceNormalize) { InputsMin = 3, InputsMax = 3 },
        new("LayerNormalization", InferLayer, LayerNormalize) { InputsMin = 2, InputsMax = 3, OutputsMax = 3,
            SinceOpset = 17 },
        new("LRN", InferLocal, LocalResponse) { IsHeavy = true },
        .. OtherNormalizations.All,
    ];

    /// <summary>Before opset 13 softmax joins all axes from the given one on; since, that axis alone.</summary>
    private static (int Outer, int Dim, int Inner) SoftmaxExtent(OperatorCall call, long[] shape)
    {
        var joinsRest = call.Opset < 13;
        var axis = shape.Length == 0 ? 0 : call.Axis(call.Attributes.Int("axis", joinsRest ? 1 : -1), shape.Length);
        var outer = (int)ShapeRules.Product(shape.Take(axis))!.Value;
        var rest = (int)ShapeRules.Product(shape.Skip(axis))!.Value;
        var inner = joinsRest || rest == 0 ? 1 : rest / (int)shape.Skip(axis).FirstOrDefault(1);
        return (outer, rest / inner, inner);
    }

    private static void InferSoftmax(OperatorCall call)
    {
        if (call.Shape(0) is { Length: > 0 } shape)
        {
            call.Axis(call.Attributes.Int("axis", call.Opset < 13 ? Math.Min(1, shape.Length - 1) : -1), shape.Length);
        }
        ShapeRules.SameAsFirst(call);
    }

    private static Tensor Softmax(OperatorCall call, bool log)
    {
        var values = Wide(call, 0);
        var (outer, dim, inner) = SoftmaxExtent(call, call.Input(0).Shape);
        for (var group = 0; group < outer * inner; group++)
        {
            var start = group / inner * dim * inner + group % inner;
            var max = double.NegativeInfinity;
            for (var i = 0; i < dim; i++)
            {
                max = Math.Max(max, values[start + i * inner]);
            }
            var sum = 0.0;
            for (var i = 0; i < dim; i++)
            {
                sum += Math.Exp(values[start + i * inner] - max);
            }
            for (var i = 0; i < dim; i++)
            {
                var x = values[start + i * inner] - max;
                values[start + i * inner] = log ? x - Math.Log(sum) : Math.Exp(x) / sum;
            }
        }
        return Narrow(call, values, call.Input(0).Shape);
    }

    private static void InferBatch(OperatorCall call)
    {
        RequireChannels(call, 1, 5);
        for (var i = 1; i < call.OutputCount; i++)
        {
            call.Set(i, call.Type(3), call.Shape(3));
        }
        ShapeRules.SameAsFirst(call);
    }

    private static void RequireChannels(OperatorCall call, int first, int end)
    {
        call.RequireRank(0, 2);
        for (var i = first; i < end; i++)
        {
            if (call.Shape(i) is { } scale && call.Shape(0) is { } shape && shape[1] >= 0 && scale is not [-1] &&
                (scale.Length != 1 || scale[0] != shape[1]))
            {
                throw call.Fail(ModelError.InvalidShape,
                    $"input {i} is not one number for each of {shape[1]} channels");
            }
        }
    }

    private static Tensor[] BatchNormalize(OperatorCall call)
    {
        var x = WideTensor.Of(call, 0);
        var shape = call.Input(0).Shape;
        var plane = ShapeRules.Product(shape.Skip(2))!.Value;
        var (mean, variance) = (WideTensor.Of(call, 3), WideTensor.Of(call, 4));
        var (runningMean, runningVariance) = (mean, variance);
        // Until opset 13 the outputs of running statistics asked for training; since, an attribute does.
        if (call.Attributes.Int("training_mode") != 0 || (call.Opset < 14 && call.OutputCount > 1))
        {
            (mean, variance) = Moments(x, (int)shape[1], plane);
            var keep = call.Attributes.Float("momentum", 0.9f);
            runningMean = [.. runningMean.Zip(mean, (old, now) => old * keep + now * (1 - keep))];
            runningVariance = [.. runningVariance.Zip(variance, (old, now) => old * keep + now * (1 - keep))];
        }
        var (scale, bias) = (WideTensor.Of(call, 1), WideTensor.Of(call, 2));
        var epsilon = call.Attributes.Float("epsilon", 1e-5f);
        for (var i = 0L; i < x.Length; i++)
        {
            var c = i / plane % shape[1];
            x[i] = (x[i] - mean[c]) / Math.Sqrt(variance[c] + epsilon) * scale[c] + bias[c];
        }
        Tensor Statistic(double[] values) => WideTensor.Narrow(call, values, [values.Length], call.Type(3));
        return [Narrow(call, x, shape), Statistic(runningMean), Statistic(runningVariance), Statistic(mean),
            Statistic(variance)];
    }

    /// <summary>Mean and variance of each channel.</summary>
    private static (double[] Mean, double[] Variance) Moments(double[] x, int channels, long plane)
    {
        var (mean, variance) = (new double[channels], new double[channels]);
        var count = (double)x.Length / channels;
        for (var i = 0L; i < x.Length; i++)
        {
            mean[i / plane % channels] += x[i] / count;
        }
        for (var i = 0L; i < x.Length; i++)
        {
            var difference = x[i] - mean[i / plane % channels];
            variance[i / plane % channels] += difference * difference / count;
        }
        return (mean, variance);
    }

    private static void InferInstance(OperatorCall call)
    {
        ShapeRules.RequireSameType(call);
        RequireChannels(call, 1, 3);
        ShapeRules.SameAsFirst(call);
    }

    private static Tensor[] InstanceNormalize(OperatorCall call)
    {
        var (x, scale, bias) = (Wide(call, 0), Wide(call, 1), Wide(call, 2));
        var shape = call.Input(0).Shape;
        var plane = (int)ShapeRules.Product(shape.Skip(2))!.Value;
        for (var start = 0; start < x.Length; start += plane)
        {
            var c = start / plane % shape[1];
            Standardize(x.AsSpan(start, plane), call.Attributes.Float("epsilon", 1e-5f));
            for (var i = start; i < start + plane; i++)
            {
                x[i] = x[i] * scale[c] + bias[c];
            }
        }
        return [Narrow(call, x, shape)];
    }

    public static (double Mean, double InverseDeviation) Standardize(Span<double> values, double epsilon)
    {
        var (sum, squares) = (0.0, 0.0);
        foreach (var value in values)
        {
            sum += value;
        }
        var mean = sum / values.Length;
        foreach (var value in values)
        {
            squares += (value - mean) * (value - mean);
        }
        var inverse = 1 / Math.Sqrt(squares / values.Length + epsilon);
        foreach (ref var value in values)
        {
            value = (value - mean) * inverse;
        }
        return (mean, inverse);
    }

    private static void InferLayer(OperatorCall call)
    {
        ShapeRules.RequireSameType(call);
        ShapeRules.SameAsFirst(call);
        if (call.Shape(0) is not { } shape)
        {
            return;
        }
        var axis = call.Axis(call.Attributes.Int("axis", -1), shape.Length);
        for (var i = 1; i < call.InputCount; i++)
        {
            if (call.Shape(i) is { } scale && !StretchesTo(scale, shape[axis..]))
            {
                throw call.Fail(ModelError.InvalidShape, $"input {i} does not broadcast to what is normalized");
            }
        }
        long[] reduced = [.. shape[..axis], .. Enumerable.Repeat(1L, shape.Length - axis)];
        call.Set(1, ElementType.Float32, reduced);
        call.Set(2, ElementType.Float32, reduced);
    }

    private static bool StretchesTo(long[] from, long[] to) => from.Length <= to.Length &&
        Enumerable.Range(1, from.Length).All(i => from[^i] is 1 or < 0 || to[^i] < 0 || from[^i] == to[^i]);

    private static Tensor[] LayerNormalize(OperatorCall call)
    {
        var x = Wide(call, 0);
        var shape = call.Input(0).Shape;
        var axis = call.Axis(call.Attributes.Int("axis", -1), shape.Length);
        var size = (int)ShapeRules.Product(shape.Skip(axis))!.Value;
        var groups = size == 0 ? 0 : x.Length / size;
        var (means, inverses) = (new float[groups], new float[groups]);
        for (var g = 0; g < groups; g++)
        {
            var (mean, inverse) = Standardize(x.AsSpan(g * size, size), call.Attributes.Float("epsilon", 1e-5f));
            (means[g], inverses[g]) = ((float)mean, (float)inverse);
        }
        var scale = Wide(call, 1);
        var bias = call.Has(2) ? Wide(call, 2) : [0.0];
        var walk = new StridedWalk(shape, StridedWalk.Broadcast(call.Input(1).Shape, shape),
            StridedWalk.Broadcast(call.Has(2) ? call.Input(2).Shape : [], shape));
        for (var i = 0; i < x.Length; i++, walk.Next())
        {
            x[i] = x[i] * scale[walk.Offsets[0]] + bias[walk.Offsets[1]];
        }
        long[] reduced = [.. shape[..axis], .. Enumerable.Repeat(1L, shape.Length - axis)];
        return [Narrow(call, x, shape), Tensor.Float(reduced, means), Tensor.Float(reduced, inverses)];
    }

    private static void InferLocal(OperatorCall call)
    {
        call.RequireRank(0, 3);
        ShapeRules.SameAsFirst(call);
    }

    private static Tensor[] LocalResponse(OperatorCall call)
    {
        var x = Wide(call, 0);
        var shape = call.Input(0).Shape;
        var size = call.Attributes.Int("size");
        var (alpha, beta) = (call.Attributes.Float("alpha", 1e-4f), call.Attributes.Float("beta", 0.75f));
        var bias = call.Attributes.Float("bias", 1);
        var plane = ShapeRules.Product(shape.Skip(2))!.Value;
        var result = new double[x.Length];
        for (var i = 0L; i < x.Length; i++)
        {
            var c = i / plane % shape[1];
            var squares = 0.0;
            var last = Math.Min(shape[1] - 1, c + size / 2);
            for (var other = Math.Max(0, c - (size - 1) / 2); other <= last; other++)
            {
                var value = x[i + (other - c) * plane];
                squares += value * value;
            }
            result[i] = x[i] / Math.Pow(bias + alpha / size * squares, beta);
        }
        return [Narrow(call, result, shape)];
    }

    private static double[] Wide(OperatorCall call, int input) =>
        CastOperator.Convert(call, call.Input(input), ElementType.Float64).AsSpan<double>().ToArray();

    private static Tensor Narrow(OperatorCall call, double[] values, long[] shape) =>
        CastOperator.Convert(call, Tensor.Of<double>(ElementType.Float64, shape, values), call.Type(0));
}
