namespace Atoll.Models;

/// <summary>
/// Conversion between floats and 8-bit (or 16-bit) integers with scale and zero point: x = (q - zero point) * scale,
/// quotients rounded to even and saturated.
/// </summary>
internal static class QuantizationOperators
{
    public static IEnumerable<OperatorDefinition> All =>
    [
        new("QuantizeLinear", InferQuantize, Quantize) { InputsMin = 2, InputsMax = 3, SinceOpset = 10 },
        new("DequantizeLinear", InferDequantize, Dequantize) { InputsMin = 2, InputsMax = 3, SinceOpset = 10 },
        new("DynamicQuantizeLinear", InferDynamic, DynamicQuantize) { OutputsMax = 3, SinceOpset = 11 },
        .. QuantizedProductOperators.All,
    ];

    /// <summary>Smallest and largest value of a quantized type.</summary>
    public static (double Low, double High) Range(OperatorCall call, ElementType type) => type switch
    {
        ElementType.UInt8 => (0, 255),
        ElementType.Int8 => (-128, 127),
        ElementType.UInt16 => (0, 65535),
        ElementType.Int16 => (-32768, 32767),
        ElementType.Int32 => (int.MinValue, int.MaxValue),
        _ => throw call.Fail(ModelError.UnsupportedType, $"{type} is no type of quantized numbers"),
    };

    public static double Saturate(double value, (double Low, double High) range) =>
        Math.Clamp(Math.Round(value, MidpointRounding.ToEven), range.Low, range.High);

    /// <summary>
    /// Which scale each element has: one for all, or one for each index of the axis.
    /// </summary>
    /// <exception cref="ModelException">The scale's shape fits neither.</exception>
    public static Func<int, int> ScaleIndex(OperatorCall call, long[] shape, int scaleInput = 1)
    {
        var scale = call.Shape(scaleInput)!;
        if (scale.Aggregate(1L, (a, b) => a * b) == 1)
        {
            return _ => 0;
        }
        var axis = call.Axis(call.Attributes.Int("axis", 1), shape.Length);
        var inner = WideTensor.Count(shape.Skip(axis + 1));
        var size = (int)shape[axis];
        return scale is [var count] && count == size
            ? i => i / inner % size
            : throw call.Fail(ModelError.InvalidShape, $"the scale is not one number for each of {size}");
    }

    private static ElementType Target(OperatorCall call) => call.Has(2) ? call.Type(2)
        : call.Attributes.Int("output_dtype") is var type and not 0 ? (ElementType)type
        : ElementType.UInt8;

    private static void RefuseBlocks(OperatorCall call)
    {
        if (call.Attributes.Int("block_size") != 0)
        {
            throw call.Fail(ModelError.UnsupportedOperator, "quantization in blocks is not supported");
        }
    }

    private static void InferQuantize(OperatorCall call)
    {
        RefuseBlocks(call);
        Range(call, Target(call));
        call.Set(0, Target(call), call.Shape(0));
    }

    private static Tensor[] Quantize(OperatorCall call)
    {
        var (x, scale) = (WideTensor.Of(call, 0), WideTensor.Of(call, 1));
        var zero = call.Has(2) ? WideTensor.Of(call, 2) : new double[scale.Length];
        var at = ScaleIndex(call, call.Input(0).Shape);
        var range = Range(call, Target(call));
        for (var i = 0; i < x.Length; i++)
        {
            // The quotient is a float's by the standard, which decides ties.
            var quotient = (float)x[i] / (float)scale[at(i)];
            x[i] = Math.Clamp(Math.Round(quotient, MidpointRounding.ToEven) + zero[at(i)], range.Low, range.High);
        }
        return [WideTensor.Narrow(call, x, call.Input(0).Shape, Target(call))];
    }

    private static void InferDequantize(OperatorCall call)
    {
        if (call.Has(2) && call.Type(2) != call.Type(0))
        {
            throw call.Fail(ModelError.UnsupportedType, $"the zero point is {call.Type(2)}, not {call.Type(0)}");
        }
        RefuseBlocks(call);
        Range(call, call.Type(0));
        call.Set(0, call.Type(1), call.Shape(0));
    }

    private static Tensor[] Dequantize(OperatorCall call)
    {
        var (x, scale) = (WideTensor.Of(call, 0), WideTensor.Of(call, 1));
        var zero = call.Has(2) ? WideTensor.Of(call, 2) : new double[scale.Length];
        var at = ScaleIndex(call, call.Input(0).Shape);
        for (var i = 0; i < x.Length; i++)
        {
            x[i] = (x[i] - zero[at(i)]) * scale[at(i)];
        }
        return [WideTensor.Narrow(call, x, call.Input(0).Shape, call.Type(1))];
    }

    private static void InferDynamic(OperatorCall call)
    {
        call.Set(0, ElementType.UInt8, call.Shape(0));
        call.Set(1, ElementType.Float32, []);
        call.Set(2, ElementType.UInt8, []);
    }

    /// <summary>The range is that of the data and zero.</summary>
    private static Tensor[] DynamicQuantize(OperatorCall call)
    {
        var x = call.Input(0).AsSpan<float>().ToArray();
        var (low, high) = (x.Append(0).Min(), x.Append(0).Max());
        var scale = (high - low) / 255;
        var zero = scale == 0 ? 0 : Math.Clamp(MathF.Round(-low / scale, MidpointRounding.ToEven), 0, 255);
        var data = Array.ConvertAll(x, v => scale == 0 ? (byte)0
            : (byte)Math.Clamp(MathF.Round(v / scale, MidpointRounding.ToEven) + zero, 0, 255));
        return [new Tensor(ElementType.UInt8, call.Input(0).Shape, data), Tensor.Float([], [scale]),
            new Tensor(ElementType.UInt8, [], [(byte)zero])];
    }
}
