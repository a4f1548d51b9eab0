namespace Atoll.Kernels;

/// <summary>Functions of two tensors of one type; comparisons and the logical ones write one-byte booleans.</summary>
public enum BinaryOperator
{
    Add, Subtract, Multiply, Divide, Minimum, Maximum, Power,

    /// <summary>Remainder with the sign of the divisor (ONNX Mod, fmod = 0).</summary>
    Modulo,

    /// <summary>Remainder with the sign of the dividend (ONNX Mod, fmod = 1).</summary>
    Remainder,

    /// <summary>x, or x times the second operand below zero.</summary>
    PRelu,
    Equal, Less, LessOrEqual, Greater, GreaterOrEqual, And, Or, Xor,

    /// <summary>Shifts of unsigned integers; by the width or more gives 0.</summary>
    ShiftLeft, ShiftRight, BitwiseAnd, BitwiseOr, BitwiseXor,
}
