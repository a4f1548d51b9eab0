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
        var options = new CompileOptions { Limits = limits ?? ModelLimits.Default };
        if (ModelCompiler.TryCompileWhole(file.Graph, device, options) is not { } compiled)
        {
            return new HybridServedModel(
                device, HybridModel.Compile(file.Graph, options), configuration, (source.Name, source.Version));
        }

        cancellationToken.ThrowIfCancellationRequested();
        return await DeviceModel.CreateAsync(device, compiled, configuration, (source.Name, source.Version));
    }
}
