using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace Atoll.Kernels;

/// <summary>Vector width that kernels made from now on use.</summary>
public enum SimdLevel
{
    Scalar,
    Vector256,
    Vector512,
}

/// <summary>What this processor offers; kernels take their level when they are made.</summary>
public static class SimdSupport
{
    [ThreadStatic]
    private static SimdLevel? s_forced;

    public static SimdLevel Best { get; } =
        Vector512.IsHardwareAccelerated && Avx512F.IsSupported ? SimdLevel.Vector512
        : Vector256.IsHardwareAccelerated && Fma.IsSupported ? SimdLevel.Vector256
        : SimdLevel.Scalar;

    internal static SimdLevel Current => s_forced ?? Best;

    /// <summary>Floats of one register.</summary>
    internal static int LanesOf(SimdLevel level) => level switch
    {
        SimdLevel.Vector512 => 16,
        SimdLevel.Vector256 => 8,
        _ => 1,
    };

    /// <summary>Makes kernels that this thread creates use a narrower level, for tests.</summary>
    internal static void Force(SimdLevel? level) => s_forced = level;
}
