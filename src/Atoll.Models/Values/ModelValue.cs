namespace Atoll.Models;

/// <summary>
/// What flows through a graph at run time: a tensor, or one of the standard's containers. Immutable by convention.
/// </summary>
public abstract class ModelValue
{
    /// <summary>Bytes of all tensors inside.</summary>
    public abstract long ByteCount { get; }

    /// <summary>Null for a tensor.</summary>
    internal abstract ContainerType? Container { get; }
}

/// <summary>A sequence of values of one kind, e.g. of tensors whose shapes may differ.</summary>
public sealed class ValueSequence(ContainerType type, IReadOnlyList<ModelValue> items) : ModelValue
{
    public IReadOnlyList<ModelValue> Items => items;

    public override long ByteCount { get; } = items.Sum(i => i.ByteCount);

    /// <summary>The type of the items; its <see cref="ContainerType.Kind"/> is Sequence.</summary>
    public ContainerType Type => type;

    internal override ContainerType Container => type;
}

/// <summary>A value that may be absent.</summary>
public sealed class OptionalValue(ContainerType type, ModelValue? value) : ModelValue
{
    /// <summary>Null when absent.</summary>
    public ModelValue? Value => value;

    public override long ByteCount => value?.ByteCount ?? 0;

    /// <summary>The type of the value; its <see cref="ContainerType.Kind"/> is Optional.</summary>
    public ContainerType Type => type;

    internal override ContainerType Container => type;
}

/// <summary>Values by key: two vectors of one length, the keys whole numbers or strings.</summary>
public sealed class ValueMap(Tensor keys, Tensor values) : ModelValue
{
    public Tensor Keys => keys;

    public Tensor Values => values;

    public override long ByteCount => keys.ByteCount + values.ByteCount;

    internal override ContainerType Container => new(ContainerKind.Map, values.Type);
}
