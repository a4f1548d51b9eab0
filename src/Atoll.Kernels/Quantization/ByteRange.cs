namespace Atoll.Kernels;

/// <summary>A quantized type's scale, zero point and limits, as they are when a block runs.</summary>
internal readonly unsafe struct ByteRange
{
    public required float Scale { get; init; }

    public required int Zero { get; init; }

    public required bool IsSigned { get; init; }

    /// <summary>Limits of the rounded quotient before the zero point is added.</summary>
    public required float Low { get; init; }

    public required float High { get; init; }

    /// <param name="scale">Where scale and zero point lie.</param>
    /// <param name="low">Limits as numbers, of an activation.</param>
    /// <param name="high">The upper one.</param>
    public static ByteRange Of(
        ByteScale scale, float low = float.NegativeInfinity, float high = float.PositiveInfinity)
    {
        var step = *(float*)scale.Scale.Pointer;
        int zero = scale.IsSigned ? *(sbyte*)scale.Zero.Pointer : *scale.Zero.Pointer;
        float least = (scale.IsSigned ? sbyte.MinValue : byte.MinValue) - zero;
        float most = (scale.IsSigned ? sbyte.MaxValue : byte.MaxValue) - zero;
        // A negative scale turns the limits round; one that is no number leaves those of the type.
        var (from, to) = (MathF.Round(low / step), MathF.Round(high / step));
        (from, to) = float.IsNaN(from) || float.IsNaN(to) ? (least, most) : (MathF.Min(from, to), MathF.Max(from, to));
        return new ByteRange
        {
            Scale = step,
            Zero = zero,
            IsSigned = scale.IsSigned,
            Low = Math.Clamp(from, least, most),
            High = Math.Clamp(to, least, most),
        };
    }
}
