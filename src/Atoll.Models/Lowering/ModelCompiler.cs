using Atoll.Devices;

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
        SupportCheck.Require(copy, copy.Nodes.Where(n => !OperatorTable.Has(n.Domain, n.Operator, n.Opset)));
        IfInlining.InferAndApply(copy, options.Limits);
        SupportCheck.RequireKnown(copy);
        if (options.Fuse)
        {
            FusionPasses.ApplyToQuantized(copy);
        }

        GraphSimplifier.Run(copy, options.Limits);
        new HalfPrecision().Apply(copy);
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

    /// <summary>
    /// The model as one program, or null where some of it must run on the host: then <see cref="HybridModel"/> runs it.
    /// An instance is made on the device and given back, since some kernels see only then what they cannot do.
    /// </summary>
    /// <exception cref="ModelException">The model fits neither.</exception>
    /// <exception cref="DeviceException">Not enough device memory for one instance.</exception>
    public static CompiledModel? TryCompileWhole(Graph graph, Device device, CompileOptions? options = null)
    {
        CompiledModel? model = null;
        try
        {
            model = Compile(graph, options);
            // What can be lowered depends on types and forms, not on sizes: any sizes show it.
            model.Instantiate(device, null, model.IsStatic ? null
                : [.. model.Inputs.Select(i => i.Shape.Select(d => Math.Max(d, 1)).ToArray())]).Dispose();
            return model;
        }
        catch (ModelException e) when (e.Error is ModelError.UnsupportedOperator or ModelError.UnsupportedType or
            ModelError.DataDependentShape)
        {
            model?.Dispose();
            return null;
        }
        catch (ModelException) when (model is { IsStatic: false })
        {
            // The sizes of one do not fit this model; others will.
            return model;
        }
        catch
        {
            model?.Dispose();
            throw;
        }
    }
}
