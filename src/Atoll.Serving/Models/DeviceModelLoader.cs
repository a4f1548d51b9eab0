using Atoll.Devices;
using Atoll.Models;

namespace Atoll.Serving;

/// <summary>Reads ONNX files and serves them on a device.</summary>
public sealed class DeviceModelLoader(Device device) : IModelLoader
{
    /// <inheritdoc/>
    public async Task<IServedModel> LoadAsync(
        ModelSource source, ModelConfiguration configuration, CancellationToken cancellationToken)
    {
        var file = OnnxModel.Load(source.Path);
        cancellationToken.ThrowIfCancellationRequested();
        var compiled = ModelCompiler.Compile(file.Graph);
        cancellationToken.ThrowIfCancellationRequested();
        return await DeviceModel.CreateAsync(device, compiled, configuration, (source.Name, source.Version));
    }
}
