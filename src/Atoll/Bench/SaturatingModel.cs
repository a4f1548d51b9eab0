using Atoll.Devices;
using Atoll.Models;

namespace Atoll;

/// <summary>A full-size sample model with random inputs, loaded on a device that it will keep busy.</summary>
internal sealed class SaturatingModel : IDisposable
{
    private readonly CompiledModel _compiled;
    private readonly ModelInstance _instance;

    /// <param name="model">Name of a sample model; a dimension without a size becomes 1.</param>
    public SaturatingModel(CpuDevice device, string model)
    {
        _compiled = ModelCompiler.Compile(OnnxModel.Load(SampleModelCache.OpenBatchPathOf(model)).Graph);
        var shapes = _compiled.Inputs.Select(i => (long[])[.. i.Shape.Select(d => d < 0 ? 1 : d)]);
        _instance = _compiled.Instantiate(device, null, [.. shapes]);
        RandomInput.Fill(_instance, new Random(1));
    }

    public Devices.Program Program => _instance.Program;

    public void Dispose()
    {
        _instance.Dispose();
        _compiled.Dispose();
    }
}
