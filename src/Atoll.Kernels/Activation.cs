using Atoll.Devices;

namespace Atoll.Kernels;

/// <summary>Functions that may end another kernel.</summary>
public enum ActivationKind
{
    None,
    Relu,

    /// <summary>Between Alpha and Beta.</summary>
    Clip,

    /// <summary>x Φ(x) with the error function.</summary>
    Gelu,

    /// <summary>The tanh approximation of Gelu.</summary>
    GeluTanh,
    Sigmoid,
    Tanh,

    /// <summary>x sigmoid(x).</summary>
    Silu,

    /// <summary>x, or Alpha x below zero.</summary>
    LeakyRelu,

    /// <summary>clip(Alpha x + Beta, 0, 1).</summary>
    HardSigmoid,

    /// <summary>x clip(x / 6 + 1/2, 0, 1).</summary>
    HardSwish,
    Elu,
}

/// <summary>An activation function with its parameters, as the end of another kernel.</summary>
public readonly record struct Activation(ActivationKind Kind, float Alpha = 0, float Beta = 0)
{
    public static Activation None => default;

    public static Activation Relu => new(ActivationKind.Relu);
}

/// <summary>
/// What happens to a sum before it is written: the residual, which has the shape of the output, is added, then the
/// activation applied.
/// </summary>
public sealed record Epilogue(TensorRef? Residual, Activation Activation)
{
    public static Epilogue None { get; } = new(null, Activation.None);

    /// <summary>
    /// For a pointwise convolution: factors of the input's channels for each image, [N, 1, 1, C] with channels side by
    /// side. Null: none.
    /// </summary>
    public TensorRef? Gate { get; init; }

    /// <summary>What a kernel from x to y touches that ends like this.</summary>
    internal BufferAccess[] Accesses(TensorRef x, TensorRef y) =>
        [x.Reads(), .. Operands.Select(operand => operand.Reads()), y.Writes()];

    private IEnumerable<TensorRef> Operands => new[] { Residual, Gate }.OfType<TensorRef>();
}
