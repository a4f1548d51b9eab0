using Atoll.Devices;

namespace Atoll.Models.Tests;

/// <summary>Runs a graph as the product does: as one program where it can be one, else partly on the host.</summary>
internal static class ProductRun
{
    public static ModelValue[] Run(Graph graph, ModelValue[] inputs, Device device, CompileOptions? options = null)
    {
        if (ModelCompiler.TryCompileWhole(graph, device, options) is not { } whole)
        {
            return RunHybrid(graph, inputs, device, options);
        }

        using (whole)
        {
            using var instance = whole.Instantiate(device, null, [.. inputs.Select(i => ((Tensor)i).Shape)]);
            return CompiledRun.Run(instance, [.. inputs.Cast<Tensor>()]);
        }
    }

    public static ModelValue[] RunHybrid(
        Graph graph, ModelValue[] inputs, Device device, CompileOptions? options = null)
    {
        using var model = HybridModel.Compile(graph, options);
        using var instance = model.Instantiate(device);
        using var stream = device.CreateStream(new StreamOptions());
        var outcome = instance.RunAsync(inputs, stream).AsTask().GetAwaiter().GetResult();
        Assert.Equal((LaunchStatus.Completed, null), (outcome.Status, outcome.Failure));
        return [.. outcome.Outputs];
    }
}
