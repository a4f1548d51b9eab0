namespace Atoll.Models;

/// <summary>Splits a graph whose inputs are there into what the device runs, what the host runs, and a rest.</summary>
internal sealed class StagePlanner
{
    private readonly HybridModel _owner;
    private readonly CompileOptions _options;
    private readonly Graph _graph;
    private readonly Dictionary<GraphValue, int> _slots = [];
    private readonly List<(int Slot, Tensor Value)> _constants = [];
    private readonly HashSet<GraphNode> _refused = [];
    private readonly bool _usesDevice;

    private StagePlanner(HybridModel owner, Graph graph, IReadOnlyList<TensorInfo> inputs, bool usesDevice)
    {
        _owner = owner;
        _options = owner.Options;
        _usesDevice = usesDevice;
        _graph = GraphSpecializer.Copy(graph);
        foreach (var (input, info) in _graph.Inputs.Zip(inputs))
        {
            (input.Type, input.Shape, input.Container) = (info.Type, info.Shape, info.Container);
            SlotOf(input);
        }

        IfInlining.InferAndApply(_graph, _options.Limits);
        GraphSimplifier.Run(_graph, _options.Limits);
    }

    /// <param name="owner">The model, whose constants are kept once per device.</param>
    /// <param name="graph">The model's graph, or the rest of an earlier stage.</param>
    /// <param name="inputs">Types and concrete shapes of its inputs.</param>
    /// <param name="usesDevice">False to run all on the host.</param>
    public static StagePlan Plan(HybridModel owner, Graph graph, IReadOnlyList<TensorInfo> inputs, bool usesDevice) =>
        new StagePlanner(owner, graph, inputs, usesDevice).Plan();

    private StagePlan Plan()
    {
        var nodes = FindIsland();
        var island = IslandOf(nodes);
        var program = nodes.Count == 0 ? null : TryLower(island);
        if (nodes.Count > 0 && program is null)
        {
            Refuse(nodes);
            return Plan();
        }

        var done = nodes.ToHashSet();
        var steps = FindHostSteps(done);
        done.UnionWith(steps);
        var rest = _graph.Nodes.Where(n => !done.Contains(n)).ToList();
        var restGraph = rest.Count == 0 ? null : RestOf(rest);
        return new StagePlan
        {
            Owner = _owner,
            Island = program,
            IslandInputs = [.. island.Inputs.Select(SlotOf)],
            IslandOutputs = [.. island.Outputs.Select(SlotOf)],
            Steps = [.. steps.Select(Step)],
            Rest = restGraph,
            Results = [.. (restGraph?.Inputs ?? _graph.Outputs).Select(SlotOf)],
            Slots = _slots.Count,
            Constants = [.. _constants],
        };
    }

    /// <summary>All nodes that the device can run now and that need no host step first; none if too little.</summary>
    private List<GraphNode> FindIsland()
    {
        var nodes = new List<GraphNode>();
        if (!_usesDevice)
        {
            return nodes;
        }

        var there = _graph.Inputs.ToHashSet();
        foreach (var node in _graph.Nodes.Where(n => !_refused.Contains(n) && CanLower(n) && HasInputs(n, there)))
        {
            nodes.Add(node);
            there.UnionWith(node.Outputs.OfType<GraphValue>());
        }

        var isHeavy = nodes.Exists(n => OperatorTable.Find(n.Domain, n.Operator, n.Opset)?.IsHeavy == true);
        var written = nodes.Sum(n => n.Outputs.Sum(o => o is null ? 0 : ShapeRules.Product(o.Shape!) ?? 0));
        return isHeavy || written >= _options.IslandElementsMin ? nodes : [];
    }

    private static bool CanLower(GraphNode node) => NodeLowerings.Has(node) && node.CaptureCount == 0 &&
        node.Inputs.TrueForAll(IsPlain) && node.Outputs.TrueForAll(IsPlain);

    private static bool IsPlain(GraphValue? value) =>
        value is null || (value.IsStatic && value.Type != ElementType.String);

    private static bool HasInputs(GraphNode node, HashSet<GraphValue> there) =>
        node.Inputs.TrueForAll(i => i is null || i.IsConstant || there.Contains(i));

    /// <summary>
    /// Nodes whose inputs are there and that gain nothing by waiting: the next stage, which knows more shapes, could
    /// not give them to the device either.
    /// </summary>
    private List<GraphNode> FindHostSteps(HashSet<GraphNode> island)
    {
        var early = _graph.Inputs.Concat(island.SelectMany(n => n.Outputs).OfType<GraphValue>()).ToHashSet();
        var there = early.ToHashSet();
        var steps = new List<GraphNode>();
        foreach (var node in _graph.Nodes.Where(n => !island.Contains(n)))
        {
            var mayBeLowered = _usesDevice && !_refused.Contains(node) && NodeLowerings.Has(node);
            if (HasInputs(node, there) && (!mayBeLowered || HasInputs(node, early)))
            {
                steps.Add(node);
                there.UnionWith(node.Outputs.OfType<GraphValue>());
            }
        }

        return steps;
    }

    private Graph IslandOf(List<GraphNode> nodes)
    {
        var made = nodes.SelectMany(n => n.Outputs).OfType<GraphValue>().ToHashSet();
        var inside = nodes.ToHashSet();
        var read = _graph.Nodes.Where(n => !inside.Contains(n)).SelectMany(n => n.Inputs).OfType<GraphValue>()
            .Concat(_graph.Outputs).ToHashSet();
        return new Graph
        {
            Name = _graph.Name,
            Inputs = [.. nodes.SelectMany(n => n.Inputs).OfType<GraphValue>()
                .Where(v => !v.IsConstant && !made.Contains(v)).Distinct()],
            Outputs = [.. made.Where(read.Contains)],
            Nodes = nodes,
        };
    }

    private Graph RestOf(List<GraphNode> nodes)
    {
        var made = nodes.SelectMany(n => n.Outputs).OfType<GraphValue>().ToHashSet();
        return new Graph
        {
            Name = _graph.Name,
            Inputs = [.. nodes.SelectMany(n => n.Inputs).OfType<GraphValue>().Concat(_graph.Outputs)
                .Where(v => !v.IsConstant && !made.Contains(v)).Distinct()],
            Outputs = _graph.Outputs,
            Nodes = nodes,
        };
    }

    private LoweredProgram? TryLower(Graph graph)
    {
        // Lowering rewrites the graph, and what it refuses must stay as it was.
        var copy = GraphSpecializer.Copy(graph);
        if (_options.Fuse)
        {
            FusionPasses.ApplyWithShapes(copy);
        }
        else
        {
            FusionPasses.ApplyNeeded(copy);
        }

        try
        {
            return LoweredProgram.Of(copy, _options, _owner.WeightBytes);
        }
        catch (ModelException e) when (e.Error != ModelError.LimitExceeded)
        {
            return null;
        }
    }

    /// <summary>Finds the nodes that cannot be lowered for these types and shapes; all, when only together.</summary>
    private void Refuse(List<GraphNode> nodes)
    {
        var before = _refused.Count;
        _refused.UnionWith(nodes.Where(n => TryLower(IslandOf([n])) is null));
        if (_refused.Count == before)
        {
            _refused.UnionWith(nodes);
        }
    }

    private HostStep Step(GraphNode node) => new(node,
        [.. node.Inputs.Select(v => v is null ? -1 : SlotOf(v))],
        [.. node.Outputs.Select(v => v is null ? -1 : SlotOf(v))]);

    private int SlotOf(GraphValue value)
    {
        if (!_slots.TryGetValue(value, out var slot))
        {
            _slots.Add(value, slot = _slots.Count);
            if (value.Constant is { } constant)
            {
                _constants.Add((slot, constant));
            }
        }

        return slot;
    }
}
