using Atoll.Devices;

namespace Atoll.Models;

/// <summary>
/// A model of which some operators run on the host: those on strings and sequences, control flow, and those whose
/// result's shape depends on values. The rest is compiled into programs, planned in stages: as soon as values are there
/// their shapes are concrete, and all that can run on the device becomes one program. Plans are kept by the shapes.
/// Thread-safe; dispose it after its instances.
/// </summary>
public sealed class HybridModel : IDisposable
{
    /// <summary>A model has several stages per set of input shapes, and its subgraphs have their own.</summary>
    private const int PlansPerShapes = 16;

    private readonly Lock _lock = new();
    private readonly Dictionary<(Graph Graph, string Shapes), LinkedListNode<CachedPlan>> _plans = [];
    private readonly LinkedList<CachedPlan> _order = [];
    private readonly Dictionary<Graph, BoundSubgraph> _subgraphs = [];
    private readonly Dictionary<Device, DeviceWeights> _weights = [];
    private readonly HashSet<Tensor> _constants;

    private HybridModel(Graph graph, CompileOptions options)
    {
        Graph = graph;
        Options = options;
        _constants = [.. graph.Nodes.SelectMany(n => n.Inputs).Select(v => v?.Constant).OfType<Tensor>()];
        WeightBytes = _constants.Sum(t => t.ByteCount);
        Inputs = [.. graph.Inputs.Select(TensorSpec.Of)];
        Outputs = [.. graph.Outputs.Select(TensorSpec.Of)];
        foreach (var node in graph.Nodes)
        {
            foreach (var (_, body) in node.Attributes.Graphs)
            {
                _subgraphs.TryAdd(body, BoundSubgraph.Of(node, body, options));
            }
        }
    }

    public string Name => Graph.Name;

    public IReadOnlyList<TensorSpec> Inputs { get; }

    /// <summary>Dimensions that depend on values are -1 here.</summary>
    public IReadOnlyList<TensorSpec> Outputs { get; }

    /// <summary>Bytes of all constants before packing, without those of subgraphs.</summary>
    public long WeightBytes { get; }

    internal Graph Graph { get; }

    internal CompileOptions Options { get; }

    /// <summary>Checks, folds and fuses a copy of the graph.</summary>
    /// <exception cref="ModelException">An operator is not had, or the shapes do not fit together.</exception>
    public static HybridModel Compile(Graph graph, CompileOptions? options = null)
    {
        // Its programs are made while it runs, when there is no time to measure.
        options = (options ?? CompileOptions.Default) with { Tuning = null };
        var copy = GraphSpecializer.Copy(graph);
        IfInlining.InferAndApply(copy, options.Limits);
        GraphSimplifier.Run(copy, options.Limits);
        if (options.Fuse)
        {
            FusionPasses.ApplyToWeights(copy);
        }

        return new HybridModel(copy, options);
    }

    /// <summary>
    /// The same for a subgraph, of whose inputs the types may not be known before it runs; then it is left as it is.
    /// </summary>
    internal static HybridModel CompileSubgraph(Graph graph, CompileOptions options)
    {
        try
        {
            return Compile(graph, options);
        }
        catch (ModelException)
        {
            return new HybridModel(graph, options);
        }
    }

    /// <summary>What one request at a time runs with.</summary>
    public HybridInstance Instantiate(Device device, DeviceClient? client = null) =>
        new(this, device, client ?? device.DefaultClient);

    public void Dispose()
    {
        lock (_lock)
        {
            foreach (var weights in _weights.Values)
            {
                weights.Dispose();
            }

            foreach (var subgraph in _subgraphs.Values)
            {
                subgraph.Model.Dispose();
            }

            _weights.Clear();
        }
    }

    internal BoundSubgraph Subgraph(Graph body) => _subgraphs[body];

    internal DeviceWeights Weights(Device device, DeviceClient client)
    {
        lock (_lock)
        {
            if (!_weights.TryGetValue(device, out var weights))
            {
                _weights.Add(device, weights = new DeviceWeights(device, client, _constants));
            }

            return weights;
        }
    }

    /// <summary>The plan for a stage with these inputs, made when it is not there.</summary>
    internal StagePlan Plan(Graph graph, IReadOnlyList<TensorInfo> inputs)
    {
        var key = (graph, Key(inputs));
        lock (_lock)
        {
            if (_plans.TryGetValue(key, out var known))
            {
                _order.Remove(known);
                _order.AddFirst(known);
                return known.Value.Plan;
            }

            return Keep_NeedsLock(key, StagePlanner.Plan(this, graph, inputs, usesDevice: true));
        }
    }

    /// <summary>The plan without the device, from now on the one for these shapes.</summary>
    internal StagePlan PlanForHost(Graph graph, IReadOnlyList<TensorInfo> inputs)
    {
        lock (_lock)
        {
            return Keep_NeedsLock((graph, Key(inputs)), StagePlanner.Plan(this, graph, inputs, usesDevice: false));
        }
    }

    private StagePlan Keep_NeedsLock((Graph Graph, string Shapes) key, StagePlan plan)
    {
        if (_plans.Remove(key, out var old))
        {
            _order.Remove(old);
        }

        _plans.Add(key, _order.AddFirst(new CachedPlan(key, plan)));
        if (_order.Count > Math.Max(1, Options.PlanCacheCapacity) * PlansPerShapes)
        {
            _plans.Remove(_order.Last!.Value.Key);
            _order.RemoveLast();
        }

        return plan;
    }

    private static string Key(IReadOnlyList<TensorInfo> inputs) => string.Join(';',
        inputs.Select(i => i.Container?.ToString() ?? $"{i.Type}{string.Join(',', i.Shape!)}"));

    private sealed record CachedPlan((Graph Graph, string Shapes) Key, StagePlan Plan);
}
