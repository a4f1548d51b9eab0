namespace Atoll.Models;

/// <summary>
/// What is known of a value before it is computed; dimensions are -1 where unknown, the shape null where the rank is
/// or where the value is no tensor.
/// </summary>
public readonly record struct TensorInfo(ElementType Type, long[]? Shape, Tensor? Constant = null)
{
    /// <summary>Null for a tensor.</summary>
    public ContainerType? Container { get; init; }

    /// <summary>The value itself, when evaluating; a tensor is also the constant.</summary>
    public ModelValue? Value { get; init; }

    public static TensorInfo Of(ModelValue value) => value is Tensor tensor
        ? new TensorInfo(tensor.Type, tensor.Shape, tensor) { Value = tensor }
        : new TensorInfo(value.Container!.Element, null) { Container = value.Container, Value = value };

    public static TensorInfo Of(GraphValue value) =>
        new(value.Type, value.Shape, value.Constant) { Container = value.Container, Value = value.Constant };
}
