using Atoll.Kernels;

namespace Atoll.Models;

/// <summary>
/// The state of lowering one graph of static shapes: where each value lives, and the steps so far. Emitters ask it for
/// their inputs' views and their outputs' places and add steps.
/// </summary>
internal sealed class LoweringContext
{
    private readonly Dictionary<GraphValue, TensorView> _views = new(ReferenceEqualityComparer.Instance);
    private readonly Dictionary<Tensor, TensorView> _constants = new(ReferenceEqualityComparer.Instance);
    private readonly Dictionary<GraphNode, TensorView> _concatenations = new(ReferenceEqualityComparer.Instance);
    private readonly Dictionary<GraphValue, ConcatPlacement> _places;
    private readonly Graph _graph;
    private readonly RowPadding _padding;
    private int _storages;
    private long _computed;

    public LoweringContext(Graph graph, CompileOptions options)
    {
        _graph = graph;
        Options = options;
        _padding = new RowPadding(graph);
        _places = options.ConcatenateInPlace ? ConcatPlacement.Find(graph) : [];
        Inputs = [.. graph.Inputs.Select((v, slot) => NewSlot(v, StorageKind.Input, slot))];
        Outputs = [.. graph.Outputs.Select((v, slot) => NewSlot(v, StorageKind.Output, slot))];
        foreach (var (value, view) in graph.Inputs.Zip(Inputs))
        {
            _views[value] = view;
        }
    }

    public CompileOptions Options { get; }

    public List<LoweredStep> Steps { get; } = [];

    /// <summary>Row-major views of the caller's buffers, in the graph's order.</summary>
    public IReadOnlyList<TensorView> Inputs { get; }

    public IReadOnlyList<TensorView> Outputs { get; }

    public IEnumerable<Storage> Constants => _constants.Values.Select(v => v.Storage);

    /// <summary>The view of a node's input, which must be there.</summary>
    public TensorView Input(GraphNode node, int index) => TryInput(node, index)
        ?? throw new ModelException(ModelError.InvalidGraph, $"{node} lacks its input {index}");

    /// <summary>The view of a node's input, or null where it is left out.</summary>
    public TensorView? TryInput(GraphNode node, int index)
    {
        if (node.In(index) is not { } value)
        {
            return null;
        }

        return value.Constant is { } constant ? Constant(constant) : _views.TryGetValue(value, out var view)
            ? view
            : throw new ModelException(ModelError.InvalidGraph, $"{node} reads '{value.Name}' before it is made");
    }

    public TensorView Constant(Tensor tensor)
    {
        if (!_constants.TryGetValue(tensor, out var view))
        {
            var storage = new Storage(_storages++, StorageKind.Constant, tensor.ByteCount) { Constant = tensor };
            _constants.Add(tensor, view = TensorView.RowMajor(storage, tensor.Type, tensor.Shape));
        }

        return view;
    }

    /// <summary>Counts the elements of a node's outputs as computed at load.</summary>
    /// <exception cref="ModelException">With those before them they are too many.</exception>
    public void CountComputed(GraphNode node)
    {
        var limits = Options.Limits;
        _computed += node.Outputs.Sum(o => o is null ? 0 : limits.CountElements(o.Shape, $"{node}: an output"));
        if (_computed > limits.FoldElementsTotalMax)
        {
            throw ModelLimits.Exceeded($"{node}: results computed at load come to {_computed} elements",
                limits.FoldElementsTotalMax, nameof(limits.FoldElementsTotalMax));
        }
    }

    /// <summary>A new arena storage of a value's size, with room between its rows where there is padding.</summary>
    public TensorView Temporary(
        ElementType type, long[] shape, MemoryOrder order = MemoryOrder.RowMajor, int padding = 0)
    {
        var strides = MemoryOrders.Strides(shape, order, padding);
        var count = shape.Zip(strides).Aggregate(1L, (reach, axis) =>
            axis.First == 0 ? reach : checked(reach + ((axis.First - 1) * axis.Second)));
        var storage = new Storage(_storages++, StorageKind.Arena, Math.Max(1, checked(count * type.SizeInBytes())));
        return new TensorView(storage, 0, type, shape, strides);
    }

    /// <summary>
    /// Where a node is to write its output: the caller's buffer or its part of a concatenation where the emitter
    /// accepts that view and no read of the same step lies there, else a new storage in the preferred order. Binds
    /// the value.
    /// </summary>
    public TensorView Output(
        GraphNode node, MemoryOrder order, IReadOnlyList<TensorView> reads, Predicate<TensorView>? accepts = null,
            int index = 0)
    {
        var value = node.Outputs[index]!;
        var wanted = Destination(value, order);
        var view = wanted is not null && (accepts is null || accepts(wanted)) && !reads.Any(wanted.Overlaps)
            ? wanted
            : Temporary(value.Type, value.Shape!, order, _padding.Of(node, value, order));
        Bind(value, view);
        return view;
    }

    public void Bind(GraphValue value, TensorView view) => _views[value] = view;

    /// <summary>Adds a step, unless it writes nothing.</summary>
    /// <exception cref="ModelException">The plan has as many steps as it may.</exception>
    public void Add(LoweredStep step)
    {
        if (!step.Writes.Any(w => w.ElementCount > 0))
        {
            return;
        }

        if (Steps.Count >= Options.Limits.PlanStepsMax)
        {
            throw ModelLimits.Exceeded($"the plan of '{_graph.Name}' for these shapes has more steps",
                Options.Limits.PlanStepsMax, nameof(ModelLimits.PlanStepsMax));
        }

        Steps.Add(step);
    }

    public void AddCopy(string name, TensorView from, TensorView to) => Add(new LoweredStep
    {
        Name = name,
        Reads = [from],
        Writes = [to],
        Emit = binding => [Elementwise.Copy(name, binding.Ref(from), binding.Ref(to))],
    });

    /// <summary>The view itself if it fits, else a dense copy of it in the order.</summary>
    public TensorView Densify(string name, TensorView view, MemoryOrder order, Predicate<TensorView>? fits = null)
    {
        fits ??= v => v.IsRowMajor;
        if (fits(view))
        {
            return view;
        }

        var copy = Temporary(view.Type, view.Shape, order);
        AddCopy($"{name}.{(order == MemoryOrder.ChannelsLast ? "nhwc" : "dense")}", view, copy);
        return copy;
    }

    /// <summary>
    /// The view of a concatenation's output, made when the first of its parts is placed or at the node itself.
    /// </summary>
    public TensorView Concatenation(GraphNode concat, MemoryOrder order)
    {
        if (!_concatenations.TryGetValue(concat, out var view))
        {
            var value = concat.Out();
            view = Destination(value, order)
                ?? Temporary(value.Type, value.Shape!, order, _padding.Of(concat, value, order));
            _concatenations.Add(concat, view);
        }

        return view;
    }

    /// <summary>Copies to the caller's buffers what was not written there at once.</summary>
    public void FinishOutputs()
    {
        foreach (var (value, slot) in _graph.Outputs.Zip(Outputs))
        {
            var view = value.Constant is { } constant ? Constant(constant) : _views[value];
            if (!view.IsSameAs(slot))
            {
                AddCopy($"{value.Name}.output", view, slot);
            }
        }
    }

    private TensorView? Destination(GraphValue value, MemoryOrder order)
    {
        if (_graph.Outputs.IndexOf(value) is var slot and >= 0)
        {
            return Outputs[slot];
        }

        return _places.TryGetValue(value, out var place)
            ? Concatenation(place.Concat, order).Narrow(place.Axis, place.Start, value.Shape![place.Axis])
            : null;
    }

    private TensorView NewSlot(GraphValue value, StorageKind kind, int slot)
    {
        if (!value.IsStatic)
        {
            throw new ModelException(ModelError.InvalidShape,
                $"the shape of {kind.ToString().ToLowerInvariant()} {value} is not known");
        }

        var bytes = value.Shape!.Aggregate((long)value.Type.SizeInBytes(), (a, b) => checked(a * b));
        var storage = new Storage(_storages++, kind, Math.Max(1, bytes)) { Slot = slot };
        return TensorView.RowMajor(storage, value.Type, value.Shape!);
    }
}
