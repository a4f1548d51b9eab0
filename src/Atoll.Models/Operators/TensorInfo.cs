namespace Atoll.Models;

/// <summary>
/// What is known of a tensor before it is computed; dimensions are -1 where unknown, the shape null where its rank is.
/// </summary>
public readonly record struct TensorInfo(ElementType Type, long[]? Shape, Tensor? Constant = null);
