namespace Atoll.Models;

/// <summary>
/// Tensors of any numeric type as doubles and back, for references that compute in double precision. Integers beyond
/// 2^53 lose their last bits.
/// </summary>
internal static class WideTensor
{
    public static double[] Of(OperatorCall call, int input) => Of(call, call.Input(input));

    public static double[] Of(OperatorCall call, Tensor tensor) =>
        CastOperator.Convert(call, tensor, ElementType.Float64).AsSpan<double>().ToArray();

    /// <summary>The first element of a scalar input.</summary>
    public static double Scalar(OperatorCall call, int input, double missing) =>
        call.Has(input) ? Of(call, input)[0] : missing;

    public static Tensor Narrow(OperatorCall call, double[] values, long[] shape, ElementType type) =>
        CastOperator.Convert(call, Tensor.Of<double>(ElementType.Float64, shape, values), type);

    public static int Count(IEnumerable<long> dims) => checked((int)(ShapeRules.Product(dims) ??
        throw new ModelException(ModelError.InvalidShape, "a shape is not known")));
}
