using System.Numerics;

namespace Atoll.Kernels;

internal readonly struct ShiftLeftFunction : INumberFunction
{
    public static T Invoke<T>(T a, T b) where T : unmanaged, INumber<T> =>
        T.CreateTruncating(Bits.Left(ulong.CreateTruncating(a), ulong.CreateTruncating(b)));
}

internal readonly struct ShiftRightFunction : INumberFunction
{
    public static T Invoke<T>(T a, T b) where T : unmanaged, INumber<T> =>
        T.CreateTruncating(Bits.Right(ulong.CreateTruncating(a), ulong.CreateTruncating(b)));
}

internal readonly struct BitwiseAndFunction : INumberFunction
{
    public static T Invoke<T>(T a, T b) where T : unmanaged, INumber<T> =>
        T.CreateTruncating(ulong.CreateTruncating(a) & ulong.CreateTruncating(b));
}

internal readonly struct BitwiseOrFunction : INumberFunction
{
    public static T Invoke<T>(T a, T b) where T : unmanaged, INumber<T> =>
        T.CreateTruncating(ulong.CreateTruncating(a) | ulong.CreateTruncating(b));
}

internal readonly struct BitwiseXorFunction : INumberFunction
{
    public static T Invoke<T>(T a, T b) where T : unmanaged, INumber<T> =>
        T.CreateTruncating(ulong.CreateTruncating(a) ^ ulong.CreateTruncating(b));
}

/// <summary>Shifts in 64 bits, where C#'s own would take the count modulo 64.</summary>
internal static class Bits
{
    public static ulong Left(ulong value, ulong count) => count > 63 ? 0 : value << (int)count;

    public static ulong Right(ulong value, ulong count) => count > 63 ? 0 : value >> (int)count;
}
