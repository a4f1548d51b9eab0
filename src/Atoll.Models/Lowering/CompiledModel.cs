using Atoll.Devices;

namespace Atoll.Models;

/// <summary>
/// A checked, folded and fused model, ready to be instantiated on devices. Plans are kept for the input shapes in use;
/// constants are kept once per device. Thread-safe; dispose it after its instances.
/// </summary>
public sealed class CompiledModel : IDisposable
{
    private readonly Lock _lock = new();
    private readonly Lock _planning = new();
    private readonly Graph _graph;
    private readonly CompileOptions _options;
    private readonly HashSet<Tensor> _constants;
    private readonly Dictionary<Device, DeviceWeights> _weights = [];
    private readonly Dictionary<Device, int> _instances = [];
    private readonly LinkedList<(string Key, LoweredProgram Program)> _plans = [];
    private bool _disposed;

    internal CompiledModel(Graph graph, CompileOptions options)
    {
        _graph = graph;
        _options = options;
        Tuner = options.Tuning is { } tuning ? new ConvolutionTuner(tuning) : null;
        _constants = [.. ConstantsOf(graph)];
        Inputs = [.. graph.Inputs.Select(TensorSpec.Of)];
        Outputs = [.. graph.Outputs.Select(TensorSpec.Of)];
    }

    public string Name => _graph.Name;

    /// <summary>What the caller feeds; -1 in a shape is a dimension that each instance chooses.</summary>
    public IReadOnlyList<TensorSpec> Inputs { get; }

    public IReadOnlyList<TensorSpec> Outputs { get; }

    /// <summary>Bytes of all constants before packing.</summary>
    public long WeightBytes => _constants.Sum(t => t.ByteCount);

    /// <summary>Chooses among forms of kernels by measurement; null: as modelled.</summary>
    internal ConvolutionTuner? Tuner { get; }

    public bool IsStatic => Inputs.All(i => i.IsStatic);

    /// <summary>
    /// Allocates memory on the device and builds the program for the input shapes, in the order of
    /// <see cref="Inputs"/>; null where the model itself fixes all shapes.
    /// </summary>
    /// <exception cref="ModelException">The shapes do not fit the model, or an operator cannot be compiled for
    /// them.</exception>
    /// <exception cref="DeviceException">The client's budget or the device's memory is exceeded.</exception>
    public ModelInstance Instantiate(Device device, DeviceClient? client = null,
        IReadOnlyList<long[]>? inputShapes = null)
    {
        var lowered = Plan(inputShapes);
        client ??= device.DefaultClient;
        var weights = Acquire(device, client);
        try
        {
            var instance = new ModelInstance(this, lowered, weights, client);
            _options.Tuning?.Save();
            return instance;
        }
        catch
        {
            Release(device);
            FreeUnused();
            throw;
        }
    }

    /// <summary>Memory and steps for the input shapes, without allocating anything on a device.</summary>
    public ModelStatistics Measure(IReadOnlyList<long[]>? inputShapes = null) => Plan(inputShapes).Statistics;

    /// <summary>
    /// Bytes of constants on the device, plain and packed, held there once for all instances; 0 while none is there.
    /// </summary>
    public long ConstantBytesOn(Device device)
    {
        lock (_lock)
        {
            return _weights.TryGetValue(device, out var weights) ? weights.PlainBytes + weights.PackedBytes : 0;
        }
    }

    /// <summary>
    /// Frees the constants on devices that hold no instance now; the next instance there brings them back.
    /// </summary>
    public void FreeUnused()
    {
        lock (_lock)
        {
            FreeUnused_NeedsLock();
        }
    }

    public void Dispose()
    {
        lock (_lock)
        {
            _disposed = true;
            FreeUnused_NeedsLock();
        }
    }

    internal LoweredProgram Plan(IReadOnlyList<long[]>? inputShapes)
    {
        var shapes = Resolve(inputShapes);
        var key = string.Join(';', shapes.Select(s => string.Join(',', s)));
        if (Known(key) is { } known)
        {
            return known;
        }

        // One at a time, and not under the lock of the state: a large plan holds up no instance of other shapes.
        lock (_planning)
        {
            return Known(key) ?? Keep(key, LoweredProgram.Of(Specialize(shapes), _options, WeightBytes));
        }
    }

    private LoweredProgram? Known(string key)
    {
        lock (_lock)
        {
            ObjectDisposedException.ThrowIf(_disposed, this);
            for (var place = _plans.First; place is not null; place = place.Next)
            {
                if (place.Value.Key == key)
                {
                    _plans.Remove(place);
                    _plans.AddFirst(place);
                    return place.Value.Program;
                }
            }

            return null;
        }
    }

    private LoweredProgram Keep(string key, LoweredProgram program)
    {
        lock (_lock)
        {
            _plans.AddFirst((key, program));
            if (_plans.Count > Math.Max(1, _options.PlanCacheCapacity))
            {
                _plans.RemoveLast();
            }

            return program;
        }
    }

    internal void Release(Device device)
    {
        lock (_lock)
        {
            _instances[device]--;
            if (_disposed)
            {
                FreeUnused_NeedsLock();
            }
        }
    }

    private Graph Specialize(long[][] shapes)
    {
        var named = Inputs.Zip(shapes).ToDictionary(p => p.First.Name, p => p.Second);
        var graph = _graph.WithInputShapes(named, _options.Limits);
        GraphSimplifier.Run(graph, _options.Limits);
        if (_options.Fuse)
        {
            FusionPasses.ApplyWithShapes(graph);
        }
        else
        {
            FusionPasses.ApplyNeeded(graph);
        }

        return graph;
    }

    private long[][] Resolve(IReadOnlyList<long[]>? inputShapes)
    {
        if (inputShapes is null)
        {
            return IsStatic ? [.. Inputs.Select(i => i.Shape.ToArray())]
                : throw new ModelException(ModelError.InvalidShape,
                $"model '{Name}' has inputs without a fixed shape: give concrete shapes for " +
                string.Join("; ", Inputs.Where(i => !i.IsStatic)));
        }

        if (inputShapes.Count != Inputs.Count)
        {
            throw new ModelException(ModelError.InvalidShape,
                $"model '{Name}' has {Inputs.Count} inputs, and {inputShapes.Count} shapes were given");
        }

        return [.. inputShapes];
    }

    private DeviceWeights Acquire(Device device, DeviceClient client)
    {
        lock (_lock)
        {
            ObjectDisposedException.ThrowIf(_disposed, this);
            if (!_weights.TryGetValue(device, out var weights))
            {
                _weights.Add(device, weights = new DeviceWeights(device, client, _constants));
            }

            _instances[device] = _instances.GetValueOrDefault(device) + 1;
            return weights;
        }
    }

    private void FreeUnused_NeedsLock()
    {
        foreach (var (device, weights) in _weights.ToArray())
        {
            if (_instances.GetValueOrDefault(device) == 0)
            {
                weights.Dispose();
                _weights.Remove(device);
            }
        }
    }

    private static IEnumerable<Tensor> ConstantsOf(Graph graph) => graph.Nodes.SelectMany(n => n.Inputs)
        .Concat(graph.Outputs).Select(v => v?.Constant).OfType<Tensor>().Distinct();
}
