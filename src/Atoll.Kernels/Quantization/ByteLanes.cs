using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace Atoll.Kernels;

/// <summary>Sixteen bytes as 32-bit integers and back.</summary>
internal static unsafe class ByteLanes
{
    public const int Count = 16;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<int> Widen(byte* source, bool isSigned)
    {
        var bytes = Vector128.Load(source);
        if (Avx512F.IsSupported)
        {
            return isSigned ? Avx512F.ConvertToVector512Int32(bytes.AsSByte()) : Avx512F.ConvertToVector512Int32(bytes);
        }

        if (isSigned)
        {
            var (low, high) = Vector128.Widen(bytes.AsSByte());
            return Vector512.Create(Vector256.Create(Vector128.WidenLower(low), Vector128.WidenUpper(low)),
                Vector256.Create(Vector128.WidenLower(high), Vector128.WidenUpper(high)));
        }

        var (lower, upper) = Vector128.Widen(bytes);
        return Vector512.Create(Vector256.Create(Vector128.WidenLower(lower), Vector128.WidenUpper(lower)),
            Vector256.Create(Vector128.WidenLower(upper), Vector128.WidenUpper(upper))).AsInt32();
    }

    /// <summary>The low byte of each lane.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<byte> Narrow(Vector512<int> values)
    {
        if (Avx512F.IsSupported)
        {
            return Avx512F.ConvertToVector128Byte(values);
        }

        var shorts = Vector256.Narrow(values.GetLower(), values.GetUpper());
        return Vector128.Narrow(shorts.GetLower(), shorts.GetUpper()).AsByte();
    }

    /// <summary>Rounded to the nearest integers, ties to even; lanes must be within an integer's range.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<int> Round(Vector512<float> values) => Avx512F.IsSupported
        ? Avx512F.ConvertToVector512Int32(values)
        : Vector512.ConvertToInt32Native(Vector512.Round(values));

    /// <summary>Limits that are no number take the lower one, as in scalar code that compares.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> Clamp(Vector512<float> values, Vector512<float> low, Vector512<float> high) =>
        Vector512.MinNative(Vector512.MaxNative(values, low), high);
}
