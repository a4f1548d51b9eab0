namespace Atoll.Models;

/// <summary>Matrix products and convolutions of 8-bit integers, summed exactly in 32 bits.</summary>
internal static class QuantizedProductOperators
{
    public static IEnumerable<OperatorDefinition> All =>
    [
        new("MatMulInteger", call => MatrixOperators.InferMatMul(call, 0, 1, ElementType.Int32), MatMulInteger)
        {
            InputsMin = 2, InputsMax = 4, SinceOpset = 10, IsHeavy = true,
        },
        new("ConvInteger", call => ConvolutionOperators.InferConv(call, ElementType.Int32, 1, 4), ConvInteger)
        {
            InputsMin = 2, InputsMax = 4, SinceOpset = 10, IsHeavy = true,
        },
        new("QLinearMatMul", call => MatrixOperators.InferMatMul(call, 0, 3, call.Type(7)), QLinearMatMul)
        {
            InputsMin = 8, InputsMax = 8, SinceOpset = 10, IsHeavy = true,
        },
        new("QLinearConv", call => ConvolutionOperators.InferConv(call, call.Type(7), 3, 8), QLinearConv)
        {
            InputsMin = 8, InputsMax = 9, SinceOpset = 10, IsHeavy = true,
        },
    ];

    /// <summary>
    /// Elements less their zero point: one for all, or one for each row (of the left operand) or column (of the
    /// right), or one for each first index (of weights).
    /// </summary>
    private static (int[] Values, long[] Shape) Centred(OperatorCall call, int input, int zeroInput, bool byFirst)
    {
        var tensor = call.Input(input);
        var values = Array.ConvertAll(WideTensor.Of(call, input), v => (int)v);
        if (!call.Has(zeroInput))
        {
            return (values, tensor.Shape);
        }
        var zero = Array.ConvertAll(WideTensor.Of(call, zeroInput), v => (int)v);
        var at = Places(tensor.Shape, zero.Length, byFirst);
        for (var i = 0; i < values.Length; i++)
        {
            values[i] -= zero[at(i)];
        }
        return (values, tensor.Shape);
    }

    private static Func<int, int> Places(long[] shape, int count, bool byFirst)
    {
        if (count == 1)
        {
            return _ => 0;
        }
        var inner = byFirst ? WideTensor.Count(shape.Skip(1)) : 1;
        return i => i / inner % count;
    }

    // The zero points of the left operand may be one for each row.
    private static (int[] Values, long[] Shape) CentredRows(OperatorCall call, int input, int zeroInput)
    {
        var tensor = call.Input(input);
        var values = Array.ConvertAll(WideTensor.Of(call, input), v => (int)v);
        var zero = call.Has(zeroInput) ? Array.ConvertAll(WideTensor.Of(call, zeroInput), v => (int)v) : [0];
        for (var i = 0; i < values.Length; i++)
        {
            values[i] -= zero[zero.Length == 1 ? 0 : i / (int)tensor.Shape[^1] % zero.Length];
        }
        return (values, tensor.Shape);
    }

    private static Tensor[] MatMulInteger(OperatorCall call) =>
    [
        Tensor.Of<int>(ElementType.Int32, call.OutputShape(),
            MatrixOperators.Stacks(call, CentredRows(call, 0, 2), Centred(call, 1, 3, byFirst: false))),
    ];

    private static int[] Convolve(OperatorCall call, int weight, (int X, int W) zero, int[]? bias)
    {
        var (x, w) = (Centred(call, 0, zero.X, byFirst: true), Centred(call, weight, zero.W, byFirst: true));
        return ConvolutionOperators.Convolve(x, w, bias, SpatialWindow.Of(call, x.Shape[2..], w.Shape[2..]));
    }

    private static Tensor[] ConvInteger(OperatorCall call) =>
        [Tensor.Of<int>(ElementType.Int32, call.OutputShape(), Convolve(call, 1, (2, 3), null))];

    private static Tensor[] QLinearMatMul(OperatorCall call)
    {
        var sums = MatrixOperators.Stacks(call, CentredRows(call, 0, 2), Centred(call, 3, 5, byFirst: false));
        var (scaleA, scaleB, scaleY) = (WideTensor.Of(call, 1), WideTensor.Of(call, 4), WideTensor.Of(call, 6)[0]);
        var columns = call.Input(3).Shape.Length == 1 ? 1 : (int)call.Input(3).Shape[^1];
        var range = QuantizationOperators.Range(call, call.Type(7));
        var zero = WideTensor.Of(call, 7)[0];
        var result = new double[sums.Length];
        for (var i = 0; i < sums.Length; i++)
        {
            var scale = scaleA[scaleA.Length == 1 ? 0 : i / columns % scaleA.Length] *
                scaleB[scaleB.Length == 1 ? 0 : i % columns] / scaleY;
            result[i] = QuantizationOperators.Saturate(Math.Round(sums[i] * scale, MidpointRounding.ToEven) + zero,
                range);
        }
        return [WideTensor.Narrow(call, result, call.OutputShape(), call.Type(7))];
    }

    private static Tensor[] QLinearConv(OperatorCall call)
    {
        var bias = call.Has(8) ? call.Input(8).AsSpan<int>().ToArray() : null;
        var sums = Convolve(call, 3, (2, 5), bias);
        var (scaleX, scaleW, scaleY) = (WideTensor.Of(call, 1)[0], WideTensor.Of(call, 4), WideTensor.Of(call, 6)[0]);
        var shape = call.OutputShape();
        var plane = WideTensor.Count(shape.Skip(2));
        var range = QuantizationOperators.Range(call, call.Type(7));
        var zero = WideTensor.Of(call, 7)[0];
        var result = new double[sums.Length];
        for (var i = 0; i < sums.Length; i++)
        {
            var scale = scaleX * scaleW[scaleW.Length == 1 ? 0 : i / plane % (int)shape[1]] / scaleY;
            result[i] = QuantizationOperators.Saturate(Math.Round(sums[i] * scale, MidpointRounding.ToEven) + zero,
                range);
        }
        return [WideTensor.Narrow(call, result, shape, call.Type(7))];
    }
}
