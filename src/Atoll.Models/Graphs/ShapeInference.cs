namespace Atoll.Models;

/// <summary>
/// Infers type and shape of every value from the inputs', in node order. Small integer and boolean results whose inputs
/// are known (the shape arithmetic that exporters write) are computed on the way, since later shapes depend on them.
/// </summary>
public static class ShapeInference
{
    private const long SmallElements = 4096;

    /// <exception cref="ModelException">An operator refuses its inputs, a declared output shape is not met, or a limit
    /// is passed.</exception>
    public static void Run(Graph graph, ModelLimits? limits = null)
    {
        var bounds = limits ?? ModelLimits.Default;
        var outputs = graph.Outputs.ToHashSet();
        foreach (var node in graph.Nodes)
        {
            var call = OperatorCall.Of(node, bounds);
            OperatorTable.Find(node).Infer(call);
            for (var i = 0; i < node.Outputs.Count; i++)
            {
                if (node.Outputs[i] is { } output)
                {
                    Fill(output, call.Output(i), outputs.Contains(output), bounds);
                }
            }
            Propagate(node, call);
        }
    }

    /// <summary>Joins what is declared with what is known; unknown dimensions yield to known ones.</summary>
    internal static void Merge(GraphValue value, ElementType type, long[]? shape, string where)
    {
        if (value.Type != ElementType.Undefined && type != ElementType.Undefined && value.Type != type)
        {
            throw new ModelException(ModelError.InvalidShape, $"{where} is declared as {value.Type} but is {type}");
        }
        value.Type = type != ElementType.Undefined ? type : value.Type;
        if (shape is null || value.Shape is null)
        {
            value.Shape ??= shape;
            return;
        }
        var merged = (long[])shape.Clone();
        var fits = merged.Length == value.Shape.Length;
        for (var i = 0; fits && i < merged.Length; i++)
        {
            fits = merged[i] == value.Shape[i] || merged[i] < 0 || value.Shape[i] < 0;
            merged[i] = Math.Max(merged[i], value.Shape[i]);
        }
        value.Shape = fits ? merged : throw new ModelException(ModelError.InvalidShape,
            $"{where} is declared as [{string.Join(',', value.Shape)}] but is [{string.Join(',', shape)}]");
    }

    private static void Fill(GraphValue value, TensorInfo inferred, bool isOutput, ModelLimits limits)
    {
        if (inferred.Shape is not null)
        {
            limits.CountElements(inferred.Shape, $"tensor '{value.Name}'");
        }
        if (inferred.Container is not null || value.Container is not null)
        {
            FillContainer(value, inferred, isOutput);
            return;
        }
        if (isOutput)
        {
            Merge(value, inferred.Type, inferred.Shape, $"graph output '{value.Name}'");
            return;
        }
        (value.Type, value.Shape) = (inferred.Type, inferred.Shape);
    }

    private static void FillContainer(GraphValue value, TensorInfo inferred, bool isOutput)
    {
        if (isOutput && value.Container is { } declared && !declared.Fits(inferred.Container))
        {
            throw new ModelException(ModelError.InvalidShape, $"graph output '{value.Name}' is declared as " +
                $"{declared} but is {inferred.Container?.ToString() ?? "a tensor"}");
        }
        (value.Type, value.Shape, value.Container) = (inferred.Type, null, inferred.Container);
    }

    private static void Propagate(GraphNode node, OperatorCall call)
    {
        var definition = OperatorTable.Find(node);
        var inputsKnown = node.Inputs.TrueForAll(i => i is null ||
            (definition.NeedsShapesOnly ? i.IsStatic : i.IsConstant && IsSmall(i)));
        if (definition.IsHeavy || !inputsKnown || !node.Outputs.TrueForAll(o => o is null || IsSmall(o)))
        {
            return;
        }
        var results = definition.Run(call);
        for (var i = 0; i < node.Outputs.Count; i++)
        {
            node.Outputs[i]?.Constant = results[i] as Tensor;
        }
    }

    private static bool IsSmall(GraphValue value) => value.IsStatic &&
        value.Shape!.Aggregate(1L, (count, dim) => count * dim) <= SmallElements &&
        value.Type is not (ElementType.String or ElementType.BFloat16);
}
