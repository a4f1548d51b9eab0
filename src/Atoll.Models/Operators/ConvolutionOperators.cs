using System.Numerics;

namespace Atoll.Models;

/// <summary>Convolutions over float tensors (batch, channels, up to three spatial axes).</summary>
internal static class ConvolutionOperators
{
    private const int SpatialRankMax = 3;

    public static IEnumerable<OperatorDefinition> All =>
    [
        new("Conv", InferConv, Conv) { InputsMin = 2, InputsMax = 3, IsHeavy = true },
        new("ConvTranspose", InferTranspose, Transpose) { InputsMin = 2, InputsMax = 3, IsHeavy = true },
    ];

    private static long Groups(OperatorCall call)
    {
        var groups = call.Attributes.Int("group", 1);
        return groups is >= 1 and <= int.MaxValue ? groups
            : throw call.Fail(ModelError.InvalidAttribute, $"group is {groups}");
    }

    private static bool TryShapes(OperatorCall call, int weight, out long[] x, out long[] w)
    {
        call.RequireRank(0, 3, 2 + SpatialRankMax);
        (x, w) = (call.Shape(0) ?? [], call.Shape(weight) ?? []);
        if (x.Length > 0 && w.Length > 0 && w.Length != x.Length)
        {
            throw call.Fail(ModelError.InvalidShape, "input and weight differ in rank");
        }
        return x.Length > 0 && w.Length > 0 && Array.TrueForAll(w, d => d >= 0);
    }

    private static void RequireBias(OperatorCall call, int input, long channels)
    {
        if (call.Shape(input) is { } bias && (bias.Length != 1 || (bias[0] >= 0 && bias[0] != channels)))
        {
            throw call.Fail(ModelError.InvalidShape, $"the bias is not one number for each of {channels} channels");
        }
    }

    private static void InferConv(OperatorCall call)
    {
        ShapeRules.RequireSameType(call);
        InferConv(call, call.Type(0));
    }

    /// <summary>The shape rule of Conv, for operators with its attributes and inputs in the given places.</summary>
    public static void InferConv(OperatorCall call, ElementType type, int weight = 1, int bias = 2)
    {
        if (!TryShapes(call, weight, out var x, out var w))
        {
            call.Set(0, type, x.Length > 0 ? Array.ConvertAll(x, _ => -1L) : null);
            return;
        }
        var groups = Groups(call);
        if ((x[1] >= 0 && x[1] != checked(w[1] * groups)) || w[0] % groups != 0)
        {
            throw call.Fail(ModelError.InvalidShape, $"{x[1]} channels in {groups} groups do not fit the weight");
        }
        RequireBias(call, bias, w[0]);
        RequireKernel(call, w);
        call.Set(0, type, [x[0], w[0], .. SpatialWindow.Of(call, x[2..], w[2..]).Output]);
    }

    private static void RequireKernel(OperatorCall call, long[] w)
    {
        var stated = call.Attributes.Ints("kernel_shape", [.. w.Skip(2)]);
        if (!stated.SequenceEqual(w.Skip(2)))
        {
            throw call.Fail(ModelError.InvalidShape,
                $"kernel_shape [{string.Join(',', stated)}] is not that of the weight");
        }
    }

    private static Tensor[] Conv(OperatorCall call) =>
        [NumericDispatch.RunFloat(call, call.Type(0), new ConvolutionAction(call))];

    /// <summary>
    /// The convolution of (batch, channels, spatial…) by weights (outputs, channels of a group, spatial…): for each
    /// pair of channels and kernel position, a scaled input row is added to an output row.
    /// </summary>
    public static T[] Convolve<T>((T[] Values, long[] Shape) x, (T[] Values, long[] Shape) w, T[]? bias,
        SpatialWindow window) where T : unmanaged, INumber<T>
    {
        var lines = new RowConvolution(window);
        var (batch, channels) = ((int)x.Shape[0], (int)x.Shape[1]);
        var (outChannels, inChannels) = ((int)w.Shape[0], (int)w.Shape[1]);
        var perGroup = outChannels / Math.Max(1, channels / Math.Max(1, inChannels));
        var result = new T[batch * outChannels * lines.OutputSize];
        for (var n = 0; n < batch; n++)
        {
            for (var m = 0; m < outChannels; m++)
            {
                var plane = result.AsSpan((n * outChannels + m) * lines.OutputSize, lines.OutputSize);
                plane.Fill(bias is null ? T.Zero : bias[m]);
                for (var c = 0; c < inChannels; c++)
                {
                    var channel = m / perGroup * inChannels + c;
                    lines.Add<T>(x.Values.AsSpan((n * channels + channel) * lines.InputSize, lines.InputSize),
                        w.Values.AsSpan((m * inChannels + c) * lines.KernelSize, lines.KernelSize), plane);
                }
            }
        }
        return result;
    }

    private static void InferTranspose(OperatorCall call)
    {
        ShapeRules.RequireSameType(call);
        if (!TryShapes(call, 1, out var x, out var w))
        {
            call.Set(0, call.Type(0), x.Length > 0 ? Array.ConvertAll(x, _ => -1L) : null);
            return;
        }
        var groups = Groups(call);
        if ((x[1] >= 0 && x[1] != w[0]) || w[0] % groups != 0)
        {
            throw call.Fail(ModelError.InvalidShape, $"{x[1]} channels in {groups} groups do not fit the weight");
        }
        RequireBias(call, 2, checked(w[1] * groups));
        RequireKernel(call, w);
        call.Set(0, call.Type(0), [x[0], w[1] * groups, .. Scattered(call, x[2..], w[2..]).Input]);
    }

    /// <summary>The convolution whose gradient this is: its input is our output and its output our input.</summary>
    public static SpatialWindow Scattered(OperatorCall call, long[] input, long[] kernel)
    {
        var rank = input.Length;
        var strides = SpatialWindow.List(call, "strides", rank, 1, least: 1);
        var dilations = SpatialWindow.List(call, "dilations", rank, 1, least: 1);
        var extra = SpatialWindow.List(call, "output_padding", rank, 0, least: 0);
        var pads = SpatialWindow.List(call, "pads", 2 * rank, 0, least: 0);
        var mode = call.Attributes.Text("auto_pad", "NOTSET");
        var output = new long[rank];
        for (var i = 0; i < rank; i++)
        {
            var whole = checked(strides[i] * (input[i] - 1) + extra[i] + (kernel[i] - 1) * dilations[i] + 1);
            output[i] = input[i] < 0 ? -1 : whole - pads[i] - pads[rank + i];
            if (input[i] >= 0 && (call.Attributes.Has("output_shape") || mode is "SAME_UPPER" or "SAME_LOWER"))
            {
                var given = call.Attributes.Ints("output_shape");
                output[i] = given.Length > 0 ? given[^(rank - i)] : checked(input[i] * strides[i]);
                var total = Math.Max(0, whole - output[i]);
                pads[i] = mode == "SAME_UPPER" ? total / 2 : total - total / 2;
                pads[rank + i] = total - pads[i];
            }
            if (input[i] >= 0 && output[i] < 0)
            {
                throw call.Fail(ModelError.InvalidShape, $"spatial dimension {i} would become {output[i]}");
            }
        }
        return new SpatialWindow
        {
            Input = output, Output = input, Kernel = kernel, Strides = strides, Dilations = dilations,
            PadsBegin = pads[..rank], PadsEnd = pads[rank..],
        };
    }

    private static Tensor[] Transpose(OperatorCall call) =>
        [NumericDispatch.RunFloat(call, call.Type(0), new TransposeAction(call))];

    private readonly record struct ConvolutionAction(OperatorCall Call) : INumericAction
    {
        public Tensor Run<T>() where T : unmanaged, INumber<T>
        {
            var (x, w) = (Call.Input(0), Call.Input(1));
            var result = Convolve((x.AsSpan<T>().ToArray(), x.Shape), (w.AsSpan<T>().ToArray(), w.Shape),
                Call.Has(2) ? Call.Input(2).AsSpan<T>().ToArray() : null,
                SpatialWindow.Of(Call, x.Shape[2..], w.Shape[2..]));
            return Tensor.Of<T>(x.Type, Call.OutputShape(), result);
        }
    }

    private readonly record struct TransposeAction(OperatorCall Call) : INumericAction
    {
        public Tensor Run<T>() where T : unmanaged, INumber<T>
        {
            var (x, w) = (Call.Input(0), Call.Input(1));
            var lines = new RowConvolution(Scattered(Call, x.Shape[2..], w.Shape[2..]));
            var groups = (int)Groups(Call);
            var (batch, inChannels, perGroup) = ((int)x.Shape[0], (int)x.Shape[1], (int)w.Shape[1]);
            var result = new T[ShapeRules.Product(Call.OutputShape())!.Value];
            for (var plane = 0; plane < batch * perGroup * groups; plane++)
            {
                var (n, m) = (plane / (perGroup * groups), plane % (perGroup * groups));
                var target = result.AsSpan(plane * lines.InputSize, lines.InputSize);
                target.Fill(Call.Has(2) ? Call.Input(2).AsSpan<T>()[m] : T.Zero);
                for (var c = 0; c < inChannels / groups; c++)
                {
                    var channel = m / perGroup * (inChannels / groups) + c;
                    lines.Scatter(
                        x.AsSpan<T>().Slice((n * inChannels + channel) * lines.OutputSize, lines.OutputSize),
                        w.AsSpan<T>().Slice((channel * perGroup + m % perGroup) * lines.KernelSize, lines.KernelSize),
                        target);
                }
            }
            return Tensor.Of<T>(x.Type, Call.OutputShape(), result);
        }
    }
}
