using System.Numerics;

namespace Atoll.Models;

/// <summary>Generic arithmetic that is run for the element type of a tensor.</summary>
internal interface INumericAction
{
    Tensor Run<T>() where T : unmanaged, INumber<T>;
}

internal static class NumericDispatch
{
    /// <exception cref="ModelException">The type has no arithmetic here (bool, string, bfloat16).</exception>
    public static Tensor Run<TAction>(OperatorCall call, ElementType type, TAction action)
        where TAction : INumericAction => type switch
    {
        ElementType.Float32 => action.Run<float>(),
        ElementType.Float64 => action.Run<double>(),
        ElementType.Float16 => action.Run<Half>(),
        ElementType.Int64 => action.Run<long>(),
        ElementType.Int32 => action.Run<int>(),
        ElementType.Int16 => action.Run<short>(),
        ElementType.Int8 => action.Run<sbyte>(),
        ElementType.UInt64 => action.Run<ulong>(),
        ElementType.UInt32 => action.Run<uint>(),
        ElementType.UInt16 => action.Run<ushort>(),
        ElementType.UInt8 => action.Run<byte>(),
        _ => throw call.Fail(ModelError.UnsupportedType, $"it is not had for {type} tensors"),
    };

    /// <summary>Runs for floating-point types alone.</summary>
    public static Tensor RunFloat<TAction>(OperatorCall call, ElementType type, TAction action)
        where TAction : INumericAction =>
        type is ElementType.Float32 or ElementType.Float64 or ElementType.Float16
            ? Run(call, type, action)
            : throw call.Fail(ModelError.UnsupportedType, $"it is not had for {type} tensors");
}
