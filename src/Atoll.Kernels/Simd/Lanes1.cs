namespace Atoll.Kernels;

/// <summary>A single float: the same functions where there is no vector unit.</summary>
internal readonly unsafe struct Lanes1(float value) : ILanes<Lanes1>
{
    private readonly float _v = value;

    public static int Count => 1;

    public static Lanes1 Load(float* source) => new(*source);

    public static void Store(Lanes1 value, float* target) => *target = value._v;

    public static Lanes1 Create(float value) => new(value);

    public static Lanes1 operator +(Lanes1 left, Lanes1 right) => new(left._v + right._v);

    public static Lanes1 operator -(Lanes1 left, Lanes1 right) => new(left._v - right._v);

    public static Lanes1 operator *(Lanes1 left, Lanes1 right) => new(left._v * right._v);

    public static Lanes1 operator /(Lanes1 left, Lanes1 right) => new(left._v / right._v);

    public static Lanes1 Fma(Lanes1 a, Lanes1 b, Lanes1 c) => new(MathF.FusedMultiplyAdd(a._v, b._v, c._v));

    public static Lanes1 Sqrt(Lanes1 value) => new(MathF.Sqrt(value._v));

    public static Lanes1 Reciprocal(Lanes1 value) => new(1 / value._v);

    public static float Sum(Lanes1 value) => value._v;

    public static Lanes1 Floor(Lanes1 value) => new(MathF.Floor(value._v));

    public static Lanes1 Ceiling(Lanes1 value) => new(MathF.Ceiling(value._v));

    public static Lanes1 Round(Lanes1 value) => new(MathF.Round(value._v));

    public static Lanes1 Min(Lanes1 a, Lanes1 b) => a._v < b._v ? a : b;

    public static Lanes1 Max(Lanes1 a, Lanes1 b) => a._v > b._v ? a : b;

    public static Lanes1 MinOrNaN(Lanes1 a, Lanes1 b) => float.IsNaN(a._v) ? a : Min(a, b);

    public static Lanes1 MaxOrNaN(Lanes1 a, Lanes1 b) => float.IsNaN(a._v) ? a : Max(a, b);

    public static Lanes1 Less(Lanes1 a, Lanes1 b) => new(BitConverter.Int32BitsToSingle(a._v < b._v ? -1 : 0));

    public static Lanes1 Select(Lanes1 mask, Lanes1 whenSet, Lanes1 whenClear) =>
        BitConverter.SingleToInt32Bits(mask._v) != 0 ? whenSet : whenClear;

    public static Lanes1 Abs(Lanes1 value) => new(MathF.Abs(value._v));

    public static Lanes1 CopySign(Lanes1 magnitude, Lanes1 sign) => new(MathF.CopySign(magnitude._v, sign._v));

    public static Lanes1 PowerOfTwo(Lanes1 exponent) =>
        new(BitConverter.Int32BitsToSingle(((int)exponent._v + 127) << 23));

    public static Lanes1 Scale(Lanes1 value, Lanes1 exponent)
    {
        // In two steps, so that the power may leave the normal range.
        var half = Floor(exponent * Create(0.5f));
        return value * PowerOfTwo(half) * PowerOfTwo(exponent - half);
    }

    public static Lanes1 Split(Lanes1 value, out Lanes1 mantissa)
    {
        var bits = BitConverter.SingleToInt32Bits(value._v);
        var exponent = (bits - 0x3f3504f3) >> 23;
        mantissa = new(BitConverter.Int32BitsToSingle(bits - (exponent << 23)));
        return new(exponent);
    }
}
