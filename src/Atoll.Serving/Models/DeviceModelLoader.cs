using Atoll.Devices;
using Atoll.Models;

namespace Atoll.Serving;

/// <summary>Reads ONNX files and serves them on a device.</summary>
public sealed class DeviceModelLoader(Device device, ModelLimits? limits = null) : IModelLoader
{
    /// <inheritdoc/>
    public async Task<IServedModel> LoadAsync(
        ModelSource source, ModelConfiguration configuration, CancellationToken cancellationToken)
    {
        var file = OnnxModel.Load(source.Path, limits);
        cancellationToken.ThrowIfCancellationRequested();
        var compiled = ModelCompiler.Compile(
            file.Graph, new CompileOptions { Limits = limits ?? ModelLimits.Default });
        cancellationToken.ThrowIfCancellationRequested();
        return await DeviceModel.CreateAsync(device, compiled, configuration, (source.Name, source.Version));
    }
}
