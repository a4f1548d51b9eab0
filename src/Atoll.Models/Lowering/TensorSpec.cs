namespace Atoll.Models;

/// <summary>
/// Name, element type and shape of a model's input or output; -1 stands for a dimension given at run time.
/// </summary>
public sealed record TensorSpec(string Name, ElementType Type, IReadOnlyList<long> Shape)
{
    /// <summary>Null for a tensor.</summary>
    public ContainerType? Container { get; init; }

    public bool IsStatic => Container is null && Shape.All(d => d >= 0);

    public override string ToString() => $"{Name}: {Type}[{string.Join(',', Shape)}]";

    internal static TensorSpec Of(GraphValue value) => new(value.Name, value.Type, [.. value.Shape ?? []])
    {
        Container = value.Container,
    };
}
