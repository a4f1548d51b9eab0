using Atoll.Devices;
using Atoll.Models;

namespace Atoll.Serving;

/// <summary>
/// Reads ONNX files and serves them on a device; those whose configuration asks for sessions, on the director's
/// devices.
/// </summary>
public sealed class DeviceModelLoader(
    Device device, ModelLimits? limits = null, SessionDirector? director = null) : IModelLoader
{
    /// <summary>Measured choices of kernels; null: as modelled.</summary>
    public KernelTuning? Tuning { get; init; }

    /// <inheritdoc/>
    public async Task<IServedModel> LoadAsync(
        ModelSource source, ModelConfiguration configuration, CancellationToken cancellationToken)
    {
        if (source.IsQuery)
        {
            return director is null
                ? throw new ServingException(ServingError.ModelNotServable, $"{source.Path}: queries need sessions")
                : await director.LoadQueryAsync(PipelineFile.Read(source.Path), cancellationToken);
        }

        if (director is not null && configuration.IsSession && FitsSessions(source, configuration))
        {
            return await director.LoadAsync(
                source, configuration, limits ?? ModelLimits.Default, cancellationToken);
        }

        var file = OnnxModel.Load(source.Path, limits);
        TensorOutputs.Apply(file.Graph);
        cancellationToken.ThrowIfCancellationRequested();
        var options = new CompileOptions { Limits = limits ?? ModelLimits.Default, Tuning = Tuning };
        if (ModelCompiler.TryCompileWhole(file.Graph, device, options) is not { } compiled)
        {
            return new HybridServedModel(
                device, HybridModel.Compile(file.Graph, options), configuration, (source.Name, source.Version));
        }

        cancellationToken.ThrowIfCancellationRequested();
        return await DeviceModel.CreateAsync(device, compiled, configuration, (source.Name, source.Version));
    }

    /// <summary>
    /// Sessions batch whole programs only. An objective or a choice of devices is a promise that only they keep, so the
    /// director judges such a model; any other that needs the host is served request by request.
    /// </summary>
    private bool FitsSessions(ModelSource source, ModelConfiguration configuration)
    {
        if (configuration is not { ObjectiveMs: 0, Devices.Count: 0 })
        {
            return true;
        }

        var options = new CompileOptions { Limits = limits ?? ModelLimits.Default };
        using var whole = ModelCompiler.TryCompileWhole(OnnxModel.Load(source.Path, limits).Graph, device, options);
        return whole is not null;
    }
}
