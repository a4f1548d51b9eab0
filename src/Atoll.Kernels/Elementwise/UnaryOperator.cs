namespace Atoll.Kernels;

/// <summary>Functions of one float tensor; Alpha and Beta as ONNX names or orders the attributes.</summary>
public enum UnaryOperator
{
    Relu, Sigmoid, Tanh, Exp, Log, Sqrt, Negate, Abs, Erf, Gelu, GeluTanh, Clip, LeakyRelu, Elu,

    /// <summary>Alpha scales the exponential part, Beta (gamma) all.</summary>
    Selu,
    Celu, Softplus, Softsign, Reciprocal, Floor, Ceiling, Round, Silu, HardSigmoid, HardSwish, Mish, Sign,

    /// <summary>x where x is more than Alpha, otherwise 0.</summary>
    ThresholdedRelu,

    /// <summary>x Alpha + Beta.</summary>
    Affine,
    Square,
    Sin, Cos, Tan, Asin, Acos, Atan, Sinh, Cosh, Asinh, Acosh, Atanh,
}
