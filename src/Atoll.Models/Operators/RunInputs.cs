namespace Atoll.Models;

/// <summary>Checks what a graph is fed with against what it declares.</summary>
internal static class RunInputs
{
    /// <exception cref="ModelException">An input is missing, or its kind, type or shape does not fit.</exception>
    public static void Check(Graph graph, IReadOnlyList<ModelValue> inputs)
    {
        if (inputs.Count != graph.Inputs.Count)
        {
            throw new ModelException(ModelError.MissingTensor,
                $"graph '{graph.Name}' takes {graph.Inputs.Count} inputs, not {inputs.Count}");
        }
        for (var i = 0; i < inputs.Count; i++)
        {
            Check(graph.Inputs[i], inputs[i]);
        }
    }

    /// <summary>A value that is there may stand for an optional one.</summary>
    private static bool IsContent(ContainerType declared, ModelValue given) =>
        declared.Kind == ContainerKind.Optional && (declared.Item is { } item ? item.Fits(given.Container)
            : given is Tensor tensor && tensor.Type == declared.Element);

    private static void Check(GraphValue declared, ModelValue given)
    {
        var where = $"graph input '{declared.Name}'";
        if (given is Tensor tensor && declared.Container is null)
        {
            var check = new GraphValue(declared.Name) { Type = declared.Type, Shape = declared.Shape };
            ShapeInference.Merge(check, tensor.Type, tensor.Shape, where);
        }
        else if (declared.Container is null ? declared.Type != ElementType.Undefined
            : !declared.Container.Fits(given.Container) && !IsContent(declared.Container, given))
        {
            throw new ModelException(ModelError.UnsupportedType, $"{where} is declared as " +
                $"{declared.Container?.ToString() ?? $"{declared.Type}"} but is " +
                $"{given.Container?.ToString() ?? "a tensor"}");
        }
    }
}
