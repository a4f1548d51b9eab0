using Atoll.Devices;
using Atoll.Models;

namespace Atoll;

/// <summary>
/// The five DISB models at widths that this machine can run, compiled once; every client gets an instance of its own,
/// as in DISB one client is one model instance.
/// </summary>
internal sealed class DisbModels : IDisposable
{
    private readonly Dictionary<string, CompiledModel> _compiled = [];
    private readonly List<ModelInstance> _instances = [];

    /// <summary>Widths that give 3 to 15 ms alone on two cores of a current server processor.</summary>
    public static IReadOnlyDictionary<string, double> DefaultWidths { get; } = new Dictionary<string, double>
    {
        ["vgg19"] = 0.1875,
        ["resnet152"] = 0.25,
        ["densenet201"] = 0.25,
        ["inceptionv3"] = 0.25,
        ["distilbert"] = 0.25,
    };

    private DisbModels(IReadOnlyDictionary<string, double> widths) => Widths = widths;

    public IReadOnlyDictionary<string, double> Widths { get; }

    public static DisbModels Load(
        IEnumerable<string> names, IReadOnlyDictionary<string, double> widths, Action<string> progress)
    {
        var models = new DisbModels(widths);
        foreach (var name in names.Distinct())
        {
            progress($"loading {name} at width {widths[name]}");
            var path = SampleModelCache.PathOf(name, widths[name]);
            models._compiled[name] = ModelCompiler.Compile(OnnxModel.Load(path).Graph);
        }

        return models;
    }

    /// <summary>A new instance with seeded random input, warmed up.</summary>
    public ModelInstance Instantiate(string name, Device device, int seed)
    {
        var instance = _compiled[name].Instantiate(device);
        _instances.Add(instance);
        RandomInput.Fill(instance, new Random(seed));
        return instance;
    }

    public void Dispose()
    {
        _instances.ForEach(instance => instance.Dispose());
        foreach (var model in _compiled.Values)
        {
            model.Dispose();
        }
    }
}
