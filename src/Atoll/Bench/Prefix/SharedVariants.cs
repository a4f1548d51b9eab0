using Atoll.Devices;
using Atoll.Models;

namespace Atoll;

/// <summary>The common prefix in one batch of all variants' requests, then each variant's suffix on its rows.</summary>
internal sealed class SharedVariants : IDisposable
{
    private readonly SharedPrefix _prefix;
    private readonly CompiledModel _prefixModel;
    private readonly List<CompiledModel> _suffixModels = [];
    private readonly Dictionary<int, ModelInstance> _prefixes = [];
    private readonly Dictionary<(int Variant, int Requests), ModelInstance> _suffixes = [];
    private readonly DeviceStream _stream;
    private readonly TimeProvider _clock;

    public SharedVariants(CpuDevice device, SharedPrefix prefix, IReadOnlyList<int> requests, TimeProvider clock)
    {
        (_stream, _clock) = (device.CreateStream(new StreamOptions { Name = "shared" }), clock);
        (_prefix, _prefixModel) = (prefix, ModelCompiler.Compile(prefix.Graph));
        foreach (var batch in requests)
        {
            var instance = VariantBatch.Instantiate(_prefixModel, device, batch * prefix.Members.Count);
            VariantBatch.FillRows(instance.Input(0), 0);
            _prefixes.Add(batch, instance);
        }

        foreach (var (variant, member) in prefix.Members.Index())
        {
            var model = ModelCompiler.Compile(member.Suffix);
            _suffixModels.Add(model);
            foreach (var batch in requests)
            {
                _suffixes.Add((variant, batch), VariantBatch.Instantiate(model, device, batch));
            }
        }
    }

    public void RunOnce()
    {
        foreach (var requests in _prefixes.Keys)
        {
            Round(requests);
        }
    }

    public TimeSpan Round(int requests)
    {
        var began = _clock.GetTimestamp();
        var common = _prefixes[requests];
        VariantBatch.Run(common, _stream);
        for (var variant = 0; variant < _suffixModels.Count; variant++)
        {
            var suffix = _suffixes[(variant, requests)];
            foreach (var (position, source) in _prefix.Members[variant].Sources.Index())
            {
                var from = source.IsPrefixOutput ? common.Output(source.Index) : common.Input(source.Index);
                var to = suffix.Input(position).AsSpan<byte>();
                from.AsSpan<byte>().Slice(variant * to.Length, to.Length).CopyTo(to);
            }

            VariantBatch.Run(suffix, _stream);
        }

        return _clock.GetElapsedTime(began);
    }

    public ReadOnlySpan<byte> Answer(int variant, int requests) =>
        _suffixes[(variant, requests)].Output(0).AsSpan<byte>();

    public void Dispose()
    {
        _stream.Dispose();
        foreach (var instance in _prefixes.Values.Concat(_suffixes.Values))
        {
            instance.Dispose();
        }

        _suffixModels.ForEach(model => model.Dispose());
        _prefixModel.Dispose();
    }
}
