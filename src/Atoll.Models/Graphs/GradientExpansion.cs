namespace Atoll.Models;

/// <summary>
/// Replaces each Gradient of ai.onnx.preview.training by the nodes that compute it: reverse accumulation over the nodes
/// between its inputs and the value that is differentiated, elementwise operators of equal shapes.
/// </summary>
internal static class GradientExpansion
{
    private const string Operator = "Gradient";

    /// <summary>The operator for inference: a derivative has the shape of what it is taken by.</summary>
    public static IEnumerable<OperatorDefinition> All =>
    [
        new(Operator, Infer, call =>
            throw call.Fail(ModelError.UnsupportedOperator, "it is had in the main graph only"))
        {
            Domain = TrainingOperators.Domain, SinceOpset = 1, UntilOpset = 1, InputsMax = int.MaxValue,
            OutputsMax = int.MaxValue, IsHeavy = true,
        },
    ];

    /// <summary>Rewrites in place; shapes must have been inferred, and must be again when this answers true.</summary>
    /// <exception cref="ModelException">An operator on the way has no derivative here.</exception>
    public static bool Apply(Graph graph)
    {
        var nodes = graph.Nodes.Where(n => n.Operator == Operator && n.Domain == TrainingOperators.Domain).ToArray();
        foreach (var node in nodes)
        {
            graph.Nodes.Remove(node);
            graph.Nodes.AddRange(new Reverse(graph, node).Expand());
        }

        if (nodes.Length > 0)
        {
            var sorted = TopologicalOrder.Sort(graph.Nodes);
            graph.Nodes.Clear();
            graph.Nodes.AddRange(sorted);
        }

        return nodes.Length > 0;
    }

    private static void Infer(OperatorCall call)
    {
        for (var i = 0; i < Math.Min(call.OutputCount, call.InputCount); i++)
        {
            call.Set(i, call.Type(i), call.Shape(i));
        }
    }

    /// <summary>One node's expansion.</summary>
    private sealed class Reverse(Graph graph, GraphNode gradient)
    {
        private readonly List<GraphNode> _made = [];
        private readonly Dictionary<GraphValue, GraphValue> _sums = [];

        public List<GraphNode> Expand()
        {
            var names = gradient.Attributes.Texts("xs");
            if (names.Length > gradient.Inputs.Count || gradient.Outputs.Count > names.Length ||
                names.Where((name, i) => gradient.Inputs[i]?.Name != name).Any())
            {
                throw Fail($"its inputs are not the values [{string.Join(", ", names)}] that it is taken by");
            }

            var name = gradient.Attributes.Text("y");
            var y = graph.Nodes.SelectMany(n => n.Outputs).FirstOrDefault(v => v?.Name == name) ??
                throw Fail($"no node makes '{name}'");
            _sums[y] = Make("ConstantOfShape", Make("Shape", y));
            foreach (var node in graph.Nodes.AsEnumerable().Reverse())
            {
                if (node.Outputs is [{ } output, ..] && _sums.TryGetValue(output, out var sum))
                {
                    Pass(node, output, sum);
                }
            }

            for (var i = 0; i < gradient.Outputs.Count; i++)
            {
                if (gradient.Outputs[i] is { } output)
                {
                    var source = _sums.GetValueOrDefault(gradient.Inputs[i]!) ??
                        Make("Mul", gradient.Inputs[i]!, Make("Sub", gradient.Inputs[i]!, gradient.Inputs[i]!));
                    Finish(source, output);
                }
            }

            return _made;
        }

        /// <summary>What the derivative by a node's result adds to those by its inputs.</summary>
        private void Pass(GraphNode node, GraphValue y, GraphValue sum)
        {
            if (node.Inputs is not [{ } a, ..])
            {
                throw Fail($"{node} has no derivative here");
            }

            var b = node.In(1) ?? a;
            switch (node.Operator)
            {
                case "Identity": Add(a, y, sum); break;
                case "Neg": Add(a, y, Make("Neg", sum)); break;
                case "Add": Add(a, y, sum); Add(b, y, sum); break;
                case "Sub": Add(a, y, sum); Add(b, y, Make("Neg", sum)); break;
                case "Mul": Add(a, y, Make("Mul", sum, b)); Add(b, y, Make("Mul", sum, a)); break;
                case "Div":
                    Add(a, y, Make("Div", sum, b));
                    Add(b, y, Make("Neg", Make("Div", Make("Mul", sum, y), b)));
                    break;
                case "Exp": Add(a, y, Make("Mul", sum, y)); break;
                case "Log": Add(a, y, Make("Div", sum, a)); break;
                case "Tanh": Add(a, y, Make("Sub", sum, Make("Mul", sum, Make("Mul", y, y)))); break;
                case "Sigmoid": Add(a, y, Make("Mul", sum, Make("Sub", y, Make("Mul", y, y)))); break;
                default: throw Fail($"{node} has no derivative here");
            }
        }

        private void Add(GraphValue input, GraphValue output, GraphValue part)
        {
            if (input.IsConstant)
            {
                return;
            }

            if (input.Shape is null || output.Shape is null || !input.Shape.AsSpan().SequenceEqual(output.Shape))
            {
                throw Fail($"'{input.Name}' is broadcast to '{output.Name}'");
            }

            _sums[input] = _sums.TryGetValue(input, out var sum) ? Make("Add", sum, part) : part;
        }

        private GraphValue Make(string op, params GraphValue[] inputs)
        {
            var output = new GraphValue($"{gradient.Name}/{_made.Count}");
            var node = new GraphNode
            {
                Name = output.Name, Operator = op, Opset = OperatorTable.NewestOpset, Inputs = [.. inputs],
                Outputs = [output],
            };
            if (op == "ConstantOfShape")
            {
                node.Attributes.Set("value", Tensor.Float([1], [1]));
            }

            output.Producer = node;
            _made.Add(node);
            return output;
        }

        private void Finish(GraphValue source, GraphValue output)
        {
            var node = new GraphNode
            {
                Name = $"{gradient.Name}/{output.Name}", Operator = "Identity", Opset = OperatorTable.NewestOpset,
                Inputs = [source], Outputs = [output],
            };
            output.Producer = node;
            _made.Add(node);
        }

        private ModelException Fail(string what) =>
            new(ModelError.UnsupportedOperator, $"node {gradient}: {what}");
    }
}
