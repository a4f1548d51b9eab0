namespace Atoll.Models;

/// <summary>Turns graphs into compiled models.</summary>
public static class ModelCompiler
{
    /// <summary>
    /// Checks, folds and fuses a copy of the graph; a model of fixed shapes is also lowered and planned at once, so
    /// that every fault shows here.
    /// </summary>
    /// <exception cref="ModelException">An operator or shape is not supported; names all such nodes.</exception>
    public static CompiledModel Compile(Graph graph, CompileOptions? options = null)
    {
        options ??= CompileOptions.Default;
        var copy = GraphSpecializer.Copy(graph);
        SupportCheck.RequireKnown(copy);
        ShapeInference.Run(copy, options.Limits);
        GraphSimplifier.Run(copy, options.Limits);
        if (options.Fuse)
        {
            FusionPasses.ApplyToWeights(copy);
        }

        var model = new CompiledModel(copy, options);
        if (model.IsStatic)
        {
            model.Plan(null);
        }

        return model;
    }
}
