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

    private static void InPlace<TLanes, TFunction>(float* values, nint count, float alpha, float beta)
        where TLanes : struct, ILanes<TLanes>
        where TFunction : struct, IUnaryFunction =>
        UnaryKernel<TLanes, TFunction>.Apply(values, values, count, alpha, beta);
}
