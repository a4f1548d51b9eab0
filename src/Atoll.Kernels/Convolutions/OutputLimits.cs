using System.Runtime.CompilerServices;

namespace Atoll.Kernels;

/// <summary>Relu and Clip as two bounds that a kernel applies while a result is still in a register.</summary>
internal readonly struct OutputLimits(bool applies, float low, float high)
{
    public bool Applies { get; } = applies;

    public float Low { get; } = low;

    public float High { get; } = high;

    public static OutputLimits Of(Activation activation) => activation.Kind switch
    {
        ActivationKind.Relu => new(true, 0, float.PositiveInfinity),
        ActivationKind.Clip => new(true, activation.Alpha, activation.Beta),
        _ => new(false, 0, 0),
    };

    /// <summary>The value between the bounds where they apply; not a number stays what it is.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public T Apply<T>(T value) where T : struct, ILanes<T> =>
        Applies ? T.Min(T.Create(High), T.Max(T.Create(Low), value)) : value;
}
