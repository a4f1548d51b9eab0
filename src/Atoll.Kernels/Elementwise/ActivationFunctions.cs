namespace Atoll.Kernels;

/// <summary>Activations in place on contiguous floats that the caller's own block has just written.</summary>
internal static unsafe class ActivationFunctions
{
    /// <summary>Null for none.</summary>
    public static delegate*<float*, nint, float, float, void> Of<TLanes>(ActivationKind kind)
        where TLanes : struct, ILanes<TLanes> => kind switch
        {
            ActivationKind.None => null,
            ActivationKind.Relu => &InPlace<TLanes, ReluFunction>,
            ActivationKind.Clip => &InPlace<TLanes, ClipFunction>,
            ActivationKind.Gelu => &InPlace<TLanes, GeluFunction>,
            ActivationKind.GeluTanh => &InPlace<TLanes, GeluTanhFunction>,
            ActivationKind.Sigmoid => &InPlace<TLanes, SigmoidFunction>,
            ActivationKind.Tanh => &InPlace<TLanes, TanhFunction>,
            ActivationKind.Silu => &InPlace<TLanes, SiluFunction>,
            ActivationKind.LeakyRelu => &InPlace<TLanes, LeakyReluFunction>,
            ActivationKind.HardSigmoid => &InPlace<TLanes, HardSigmoidFunction>,
            ActivationKind.HardSwish => &InPlace<TLanes, HardSwishFunction>,
            ActivationKind.Elu => &InPlace<TLanes, EluFunction>,
            _ => throw new ArgumentOutOfRangeException(nameof(kind), kind, "unknown activation"),
        };

    public static delegate*<float*, nint, float, float, void> Of(ActivationKind kind, SimdLevel level) => level switch
    {
        SimdLevel.Vector512 => Of<Lanes16>(kind),
        SimdLevel.Vector256 => Of<Lanes8>(kind),
        _ => Of<Lanes1>(kind),
    };

    /// <summary>
    /// The same for rows some elements apart, as tiles of sums are written: (values, pitch, rows, columns, …).
    /// </summary>
    public static delegate*<float*, nint, nint, nint, float, float, void> RowsOf<TLanes>(ActivationKind kind)
        where TLanes : struct, ILanes<TLanes> => kind switch
        {
            ActivationKind.None => null,
            ActivationKind.Relu => &Rows<TLanes, ReluFunction>,
            ActivationKind.Clip => &Rows<TLanes, ClipFunction>,
            ActivationKind.Gelu => &Rows<TLanes, GeluFunction>,
            ActivationKind.GeluTanh => &Rows<TLanes, GeluTanhFunction>,
            ActivationKind.Sigmoid => &Rows<TLanes, SigmoidFunction>,
            ActivationKind.Tanh => &Rows<TLanes, TanhFunction>,
            ActivationKind.Silu => &Rows<TLanes, SiluFunction>,
            ActivationKind.LeakyRelu => &Rows<TLanes, LeakyReluFunction>,
            ActivationKind.HardSigmoid => &Rows<TLanes, HardSigmoidFunction>,
            ActivationKind.HardSwish => &Rows<TLanes, HardSwishFunction>,
            ActivationKind.Elu => &Rows<TLanes, EluFunction>,
            _ => throw new ArgumentOutOfRangeException(nameof(kind), kind, "unknown activation"),
        };

    public static delegate*<float*, nint, nint, nint, float, float, void> RowsOf(
        ActivationKind kind, SimdLevel level) => level switch
        {
            SimdLevel.Vector512 => RowsOf<Lanes16>(kind),
            SimdLevel.Vector256 => RowsOf<Lanes8>(kind),
            _ => RowsOf<Lanes1>(kind),
        };

    // A full panel is two registers wide: both at once, and no call for each row.
    private static void Rows<TLanes, TFunction>(
        float* values, nint pitch, nint rows, nint columns, float alpha, float beta)
        where TLanes : struct, ILanes<TLanes>
        where TFunction : struct, IUnaryFunction
    {
        TLanes a = TLanes.Create(alpha), b = TLanes.Create(beta);
        if (columns != 2 * TLanes.Count)
        {
            for (; rows > 0; rows--, values += pitch)
            {
                UnaryKernel<TLanes, TFunction>.Apply(values, values, columns, alpha, beta);
            }

            return;
        }

        for (; rows > 0; rows--, values += pitch)
        {
            var (left, right) = (TLanes.Load(values), TLanes.Load(values + TLanes.Count));
            TLanes.Store(TFunction.Invoke(left, a, b), values);
            TLanes.Store(TFunction.Invoke(right, a, b), values + TLanes.Count);
        }
    }

    private static void InPlace<TLanes, TFunction>(float* values, nint count, float alpha, float beta)
        where TLanes : struct, ILanes<TLanes>
        where TFunction : struct, IUnaryFunction =>
        UnaryKernel<TLanes, TFunction>.Apply(values, values, count, alpha, beta);
}
