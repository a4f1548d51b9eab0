namespace Atoll.Kernels;

/// <summary>How many elements become one.</summary>
public enum ReductionOperator
{
    Sum, Mean, Maximum, Minimum, Product, SumOfSquares, L1, L2, LogSum, LogSumExp,
}
