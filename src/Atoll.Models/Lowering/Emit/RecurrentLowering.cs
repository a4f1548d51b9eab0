using Atoll.Devices;
using Atoll.Kernels;

namespace Atoll.Models;

/// <summary>
/// RNN, GRU and LSTM with constant weights: one product projects all inputs of a direction, then each time step is a
/// kernel. Every step writes its own part of the output, so no step overwrites what it reads.
/// </summary>
internal static class RecurrentLowering
{
    public static IEnumerable<(string Operator, NodeLowering Lower)> Operators =>
        [("RNN", Lower(1)), ("GRU", Lower(3)), ("LSTM", Lower(4))];

    private static NodeLowering Lower(int gates) => (node, context) =>
    {
        var layer = Layer.Of(node, context, gates);
        var states = new List<(TensorView Hidden, TensorView? Cell)>();
        for (var direction = 0; direction < layer.Directions; direction++)
        {
            states.Add(AddDirection(node, context, layer, direction));
        }

        BindOutputs(node, context, layer, states);
    };

    private static ModelException Unsupported(GraphNode node, string why) =>
        new(ModelError.UnsupportedOperator, $"{node} (opset {node.Opset}): {why}");

    private static (TensorView Hidden, TensorView? Cell) AddDirection(GraphNode node, LoweringContext context,
        Layer layer, int direction)
    {
        var projected = Project(node, context, layer, direction);
        var weights = Layer.Part(context.Input(node, 2), direction, [layer.Gates * layer.Hidden, layer.Hidden]);
        var hidden = context.TryInput(node, 5) is { } h
            ? Layer.Part(context.Densify($"{node.Name}.h", h, MemoryOrder.RowMajor), direction, layer.StateShape)
                : null;
        var cell = context.TryInput(node, 6) is { } c
            ? Layer.Part(context.Densify($"{node.Name}.c", c, MemoryOrder.RowMajor), direction, layer.StateShape)
                : null;
        var isReverse = direction == 1 || node.Attributes.Text("direction") == "reverse";
        for (var step = 0; step < layer.Time; step++)
        {
            var time = isReverse ? layer.Time - 1 - step : step;
            var output = layer.Y.Narrow(0, time, 1).Narrow(1, direction, 1).TryReshape(layer.StateShape)!;
            var newCell = layer.Gates == 4 ? context.Temporary(ElementType.Float32, layer.StateShape) : null;
            var inputs = projected.Narrow(0, time, 1).TryReshape([layer.Batch, layer.Gates * layer.Hidden])!;
            AddStep(node, context, layer, new Step(direction, inputs, weights, hidden, output, cell, newCell));
            (hidden, cell) = (output, newCell);
        }

        // Of no time steps the initial states are the last ones.
        return (hidden ?? Zeros(), layer.Gates == 4 ? cell ?? Zeros() : null);

        TensorView Zeros() => context.Constant(Tensor.Float(layer.StateShape, new float[layer.Batch * layer.Hidden]));
    }

    // (time, batch, gates × hidden) with all biases that do not depend on the reset gate.
    private static TensorView Project(GraphNode node, LoweringContext context, Layer layer, int direction)
    {
        var x = context.Densify($"{node.Name}.x", context.Input(node, 0), MemoryOrder.RowMajor);
        var (weights, bias) = (node.In(1)!.Constant!, node.In(3)?.Constant);
        var rows = layer.Gates * layer.Hidden;
        var y = context.Temporary(ElementType.Float32, [layer.Time, layer.Batch, rows]);
        var name = $"{node.Name}.{direction}.inputs";
        context.Add(new LoweredStep
        {
            Name = name,
            Reads = [x],
            Writes = [y],
            Emit = binding =>
            {
                var packed = binding.WeightsOf(weights).Packed(weights, bias,
                    $"recurrent {direction} {layer.ResetsAfter}", source => PackedMatrix.Pack(source,
                        layer.Inputs, rows, true, Biases(bias, direction, layer),
                        (long)direction * rows * layer.Inputs));
                return [MatrixMultiply.Create(name, binding.Ref(x), packed, binding.Ref(y), Epilogue.None)];
            },
        });
        return y;
    }

    private static float[] Biases(Tensor? bias, int direction, Layer layer)
    {
        var rows = layer.Gates * layer.Hidden;
        var sum = new float[rows];
        for (var i = 0; i < rows && bias is not null; i++)
        {
            var both = bias.AsSpan<float>().Slice(direction * 2 * rows, 2 * rows);
            var isReset = layer.ResetsAfter && i >= 2 * layer.Hidden;
            sum[i] = both[i] + (isReset ? 0 : both[rows + i]);
        }

        return sum;
    }

    private static void AddStep(GraphNode node, LoweringContext context, Layer layer, Step step)
    {
        var peepholes = context.TryInput(node, 7) is { } p
            ? Layer.Part(p, step.Direction, [3 * layer.Hidden]) : null;
        var bias = layer.ResetsAfter && context.TryInput(node, 3) is { } b
            ? Layer.Part(b, step.Direction, [6 * layer.Hidden]).Narrow(0, 5 * layer.Hidden, layer.Hidden) : null;
        var gates = layer.Gates == 3 && !layer.ResetsAfter
            ? context.Temporary(ElementType.Float32, [layer.Batch, 2 * layer.Hidden]) : null;
        RecurrentOperands Operands(StorageBinding binding) => new(binding.Ref(step.Inputs), binding.Ref(step.Weights),
            Ref(binding, step.Hidden), binding.Ref(step.Output))
        {
            Cell = Ref(binding, step.Cell),
            NewCell = Ref(binding, step.NewCell),
            Peepholes = Ref(binding, peepholes),
            CandidateBias = Ref(binding, bias),
            Gates = Ref(binding, gates),
        };
        TensorView[] reads = [.. new[] { step.Inputs, step.Weights, step.Hidden, step.Cell, peepholes, bias }
            .OfType<TensorView>()];
        void Add(string part, TensorView[] from, TensorView[] to, Func<RecurrentOperands, CpuKernel> make) =>
            context.Add(new LoweredStep
            {
                Name = $"{node.Name}{part}", Reads = from, Writes = to, Emit = b => [make(Operands(b))],
            });
        if (gates is not null)
        {
            Add(".gates", reads, [gates], o => RecurrentStep.GruGates(node.Name, o));
            Add("", [.. reads, gates], [step.Output], o => RecurrentStep.GruCandidate(node.Name, o));
            return;
        }

        TensorView[] writes = step.NewCell is { } made ? [step.Output, made] : [step.Output];
        Add("", reads, writes, o => layer.Gates switch
        {
            1 => RecurrentStep.Rnn(node.Name, o, layer.IsRectified),
            3 => RecurrentStep.Gru(node.Name, o),
            _ => RecurrentStep.Lstm(node.Name, o),
        });
    }

    private static TensorRef? Ref(StorageBinding binding, TensorView? view) => view is null ? null : binding.Ref(view);

    private static void BindOutputs(GraphNode node, LoweringContext context, Layer layer,
        List<(TensorView Hidden, TensorView? Cell)> states)
    {
        if (node.Outputs[0] is { } all)
        {
            context.Bind(all, layer.Y);
        }

        for (var output = 1; output < node.Outputs.Count; output++)
        {
            if (node.Outputs[output] is null)
            {
                continue;
            }

            var parts = states.Select(s => output == 1 ? s.Hidden : s.Cell!).ToArray();
            var y = context.Output(node, MemoryOrder.RowMajor, parts, null, output);
            for (var d = 0; d < parts.Length; d++)
            {
                context.AddCopy($"{node.Name}.{output}.{d}", parts[d],
                    new TensorView(y.Storage, y.Offset + d * y.Strides[0], y.Type, y.Shape[1..], y.Strides[1..]));
            }
        }
    }

    private sealed record Step(int Direction, TensorView Inputs, TensorView Weights, TensorView? Hidden,
        TensorView Output, TensorView? Cell, TensorView? NewCell);

    private sealed record Layer(int Gates, int Time, int Batch, int Inputs, int Hidden, int Directions, TensorView Y)
    {
        public bool ResetsAfter { get; init; }

        public bool IsRectified { get; init; }

        public long[] StateShape => [Batch, Hidden];

        public static Layer Of(GraphNode node, LoweringContext context, int gates)
        {
            var x = context.Input(node, 0);
            var (w, r) = (node.In(1)?.Constant, node.In(2)?.Constant);
            if (w is null || r is null || x.Type != ElementType.Float32 || node.In(3) is { IsConstant: false } ||
                node.In(7) is { IsConstant: false })
            {
                throw Unsupported(node, "weights must be float constants");
            }

            RequirePlain(node, gates, (int)r.Shape[0], x.Shape[0]);
            var (time, batch, hidden) = ((int)x.Shape[0], (int)x.Shape[1], (int)r.Shape[2]);
            long[] shape = [time, r.Shape[0], batch, hidden];
            var y = node.Outputs[0] is null ? context.Temporary(ElementType.Float32, shape)
                : context.Output(node, MemoryOrder.RowMajor, [x], v => v.IsRowMajor);
            return new Layer(gates, time, batch, (int)x.Shape[2], hidden, (int)r.Shape[0], y)
            {
                ResetsAfter = gates == 3 && node.Attributes.Int("linear_before_reset") != 0,
                IsRectified = gates == 1 && RecurrentCell.FunctionNames(node.Attributes, 1, 0)[0] == "Relu",
            };
        }

        /// <summary>One direction of a tensor whose first axis is the direction.</summary>
        public static TensorView Part(TensorView view, int direction, long[] shape) =>
            view.Narrow(0, direction, 1).TryReshape(shape)!;

        // Layers that kernels have: whole sequences, usual functions, no clipping, time first.
        private static void RequirePlain(GraphNode node, int gates, int directions, long time)
        {
            var attributes = node.Attributes;
            var lengths = node.In(4);
            if (attributes.Int("layout") != 0 || attributes.Has("clip") || attributes.Int("input_forget") != 0 ||
                (lengths is not null && !(lengths.Constant is { Type: ElementType.Int32 } known &&
                    known.AsSpan<int>().ToArray().All(l => l == time))))
            {
                throw Unsupported(node, "no kernel has this layout, clipping or these sequence lengths");
            }

            string[] usual = gates == 1 ? ["Tanh"] : gates == 3 ? ["Sigmoid", "Tanh"] : ["Sigmoid", "Tanh", "Tanh"];
            for (var d = 0; d < directions; d++)
            {
                var names = RecurrentCell.FunctionNames(attributes, gates, d);
                var isRectified = gates == 1 && names[0] == "Relu" &&
                    RecurrentCell.FunctionNames(attributes, 1, 0)[0] == "Relu";
                if (!names.SequenceEqual(usual) && !isRectified)
                {
                    throw Unsupported(node, $"no kernel has the activations {string.Join(", ", names)}");
                }
            }
        }
    }
}
