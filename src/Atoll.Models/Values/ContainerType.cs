namespace Atoll.Models;

/// <summary>The standard's types that are no tensors.</summary>
public enum ContainerKind
{
    Sequence,
    Optional,
    Map,
}

/// <summary>
/// Type of a value that is no tensor: the kind, the element type of the tensors inside (Undefined while unknown), and
/// the container inside where there is one, as in an optional sequence.
/// </summary>
public sealed record ContainerType(ContainerKind Kind, ElementType Element, ContainerType? Item = null)
{
    /// <summary>The same kinds, and no two known element types that differ.</summary>
    public bool Fits(ContainerType? other) => other is not null && Kind == other.Kind &&
        (Element == other.Element || Element == ElementType.Undefined || other.Element == ElementType.Undefined) &&
        (Item is null ? other.Item is null : Item.Fits(other.Item));

    public override string ToString() => $"{Kind}({Item?.ToString() ?? $"{Element}"})";
}
