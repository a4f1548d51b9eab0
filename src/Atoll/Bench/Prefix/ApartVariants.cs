using Atoll.Devices;
using Atoll.Models;

namespace Atoll;

/// <summary>Each variant compiled by itself, with an instance per number of requests.</summary>
internal sealed class ApartVariants : IDisposable
{
    private readonly List<CompiledModel> _models = [];
    private readonly Dictionary<(int Variant, int Requests), ModelInstance> _instances = [];
    private readonly DeviceStream _stream;
    private readonly TimeProvider _clock;

    public ApartVariants(CpuDevice device, Graph[] graphs, IReadOnlyList<int> requests, TimeProvider clock)
    {
        (_stream, _clock) = (device.CreateStream(new StreamOptions { Name = "apart" }), clock);
        foreach (var (variant, graph) in graphs.Index())
        {
            var model = ModelCompiler.Compile(graph);
            _models.Add(model);
            foreach (var batch in requests)
            {
                var instance = VariantBatch.Instantiate(model, device, batch);
                VariantBatch.FillRows(instance.Input(0), variant * batch);
                _instances.Add((variant, batch), instance);
            }
        }
    }

    public void RunOnce()
    {
        foreach (var requests in _instances.Keys.Select(key => key.Requests).Distinct())
        {
            Round(requests);
        }
    }

    public TimeSpan Round(int requests)
    {
        var began = _clock.GetTimestamp();
        for (var variant = 0; variant < _models.Count; variant++)
        {
            VariantBatch.Run(_instances[(variant, requests)], _stream);
        }

        return _clock.GetElapsedTime(began);
    }

    public ReadOnlySpan<byte> Answer(int variant, int requests) =>
        _instances[(variant, requests)].Output(0).AsSpan<byte>();

    public void Dispose()
    {
        _stream.Dispose();
        foreach (var instance in _instances.Values)
        {
            instance.Dispose();
        }

        _models.ForEach(model => model.Dispose());
    }
}
