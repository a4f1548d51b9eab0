using System.Numerics;
using System.Runtime.InteropServices;

namespace Atoll.Models;

/// <summary>
/// Conversion between element types: fractions are cut off, any non-zero number is true, numbers become text that reads
/// back as the same number.
/// </summary>
internal static class CastOperator
{
    public static IEnumerable<OperatorDefinition> All =>
    [
        new("Cast", call => call.Set(0, Target(call), call.Shape(0)), call =>
            [Convert(call, call.Input(0), Target(call))]),
        new("CastLike", call => call.Set(0, call.Type(1), call.Shape(0)), call =>
            [Convert(call, call.Input(0), call.Type(1))])
        {
            InputsMin = 2, InputsMax = 2, SinceOpset = 15,
        },
    ];

    public static Tensor Convert(OperatorCall call, Tensor tensor, ElementType to)
    {
        if (tensor.Type == to)
        {
            return tensor;
        }
        if (tensor.Type == ElementType.String)
        {
            return NumberText.Parse(call, tensor, to);
        }
        if (to == ElementType.String)
        {
            return NumberText.Format(call, tensor);
        }
        if (tensor.Type == ElementType.BFloat16)
        {
            return Convert(call, Widen(tensor), to);
        }
        if (to == ElementType.BFloat16)
        {
            return Narrow(Convert(call, tensor, ElementType.Float32));
        }
        // A bool is stored as a byte of 0 or 1, so as a source it is one.
        var from = tensor.Type == ElementType.Bool ? ElementType.UInt8 : tensor.Type;
        return NumericDispatch.Run(call, from, new From(call, tensor, to));
    }

    /// <summary>A bfloat16 is the upper half of a float.</summary>
    private static Tensor Widen(Tensor tensor)
    {
        var from = tensor.AsSpan<ushort>();
        var values = new float[from.Length];
        for (var i = 0; i < values.Length; i++)
        {
            values[i] = BitConverter.UInt32BitsToSingle((uint)from[i] << 16);
        }
        return Tensor.Float(tensor.Shape, values);
    }

    /// <summary>Rounded to the nearest, ties to even; NaN stays NaN.</summary>
    private static Tensor Narrow(Tensor tensor)
    {
        var from = tensor.AsSpan<float>();
        var values = new ushort[from.Length];
        for (var i = 0; i < values.Length; i++)
        {
            var bits = BitConverter.SingleToUInt32Bits(from[i]);
            values[i] = float.IsNaN(from[i]) ? (ushort)(bits >> 16 | 0x40)
                : (ushort)((bits + 0x7FFF + (bits >> 16 & 1)) >> 16);
        }
        return Tensor.Of<ushort>(ElementType.BFloat16, tensor.Shape, values);
    }

    private static ElementType Target(OperatorCall call) =>
        TensorReader.TypeOf((int)call.Attributes.Int("to"), "attribute 'to'");

    private readonly record struct From(OperatorCall Call, Tensor Tensor, ElementType To) : INumericAction
    {
        public Tensor Run<T>() where T : unmanaged, INumber<T> => To == ElementType.Bool
            ? Truth<T>()
            : NumericDispatch.Run(Call, To, new Into<T>(Tensor, To));

        private Tensor Truth<T>() where T : unmanaged, INumber<T>
        {
            var from = Tensor.AsSpan<T>();
            var data = new byte[from.Length];
            for (var i = 0; i < data.Length; i++)
            {
                data[i] = T.IsZero(from[i]) ? (byte)0 : (byte)1;
            }
            return new Tensor(ElementType.Bool, Tensor.Shape, data);
        }
    }

    private readonly record struct Into<TFrom>(Tensor Tensor, ElementType To) : INumericAction
        where TFrom : unmanaged, INumber<TFrom>
    {
        public Tensor Run<T>() where T : unmanaged, INumber<T>
        {
            var from = Tensor.AsSpan<TFrom>();
            var data = new byte[Tensor.ElementCount * To.SizeInBytes()];
            var to = MemoryMarshal.Cast<byte, T>(data.AsSpan());
            for (var i = 0; i < to.Length; i++)
            {
                to[i] = T.CreateTruncating(from[i]);
            }
            return new Tensor(To, Tensor.Shape, data);
        }
    }
}
