using Atoll.Devices;
using Atoll.Kernels;

namespace Atoll.Models;

/// <summary>
/// Operators that compute each element from the elements at the same place; any strides, any broadcast.
/// </summary>
internal static class ElementwiseLowering
{
    private static readonly Dictionary<string, UnaryOperator> SimpleUnary = new()
    {
        ["Relu"] = UnaryOperator.Relu, ["Sigmoid"] = UnaryOperator.Sigmoid, ["Tanh"] = UnaryOperator.Tanh,
        ["Exp"] = UnaryOperator.Exp, ["Log"] = UnaryOperator.Log, ["Sqrt"] = UnaryOperator.Sqrt,
        ["Neg"] = UnaryOperator.Negate, ["Abs"] = UnaryOperator.Abs, ["Erf"] = UnaryOperator.Erf,
        ["Softplus"] = UnaryOperator.Softplus, ["Softsign"] = UnaryOperator.Softsign,
        ["Reciprocal"] = UnaryOperator.Reciprocal, ["Floor"] = UnaryOperator.Floor, ["Ceil"] = UnaryOperator.Ceiling,
        ["Round"] = UnaryOperator.Round, ["HardSwish"] = UnaryOperator.HardSwish, ["Mish"] = UnaryOperator.Mish,
        ["Sign"] = UnaryOperator.Sign, ["Sin"] = UnaryOperator.Sin, ["Cos"] = UnaryOperator.Cos,
        ["Tan"] = UnaryOperator.Tan, ["Asin"] = UnaryOperator.Asin, ["Acos"] = UnaryOperator.Acos,
        ["Atan"] = UnaryOperator.Atan, ["Sinh"] = UnaryOperator.Sinh, ["Cosh"] = UnaryOperator.Cosh,
        ["Asinh"] = UnaryOperator.Asinh, ["Acosh"] = UnaryOperator.Acosh, ["Atanh"] = UnaryOperator.Atanh,
    };

    private static readonly Dictionary<string, BinaryOperator> SimpleBinary = new()
    {
        ["Add"] = BinaryOperator.Add, ["Sub"] = BinaryOperator.Subtract, ["Mul"] = BinaryOperator.Multiply,
        ["Div"] = BinaryOperator.Divide, ["Pow"] = BinaryOperator.Power, ["PRelu"] = BinaryOperator.PRelu,
        ["Equal"] = BinaryOperator.Equal, ["Less"] = BinaryOperator.Less, ["LessOrEqual"] = BinaryOperator.LessOrEqual,
        ["Greater"] = BinaryOperator.Greater, ["GreaterOrEqual"] = BinaryOperator.GreaterOrEqual,
        ["And"] = BinaryOperator.And, ["Or"] = BinaryOperator.Or, ["Xor"] = BinaryOperator.Xor,
        ["BitwiseAnd"] = BinaryOperator.BitwiseAnd, ["BitwiseOr"] = BinaryOperator.BitwiseOr,
        ["BitwiseXor"] = BinaryOperator.BitwiseXor,
    };

    public static IEnumerable<(string Operator, NodeLowering Lower)> Operators =>
    [
        .. SimpleUnary.Select(o => (o.Key, Unary(o.Value, _ => (0f, 0f)))),
        .. SimpleBinary.Select(o => (o.Key, Binary(o.Value))),
        ("Selu", Unary(UnaryOperator.Selu, a => (a.Float("alpha", 1.67326319f), a.Float("gamma", 1.05070102f)))),
        ("Elu", Unary(UnaryOperator.Elu, a => (a.Float("alpha", 1), 0))),
        ("Celu", Unary(UnaryOperator.Celu, a => (a.Float("alpha", 1), 0))),
        ("LeakyRelu", Unary(UnaryOperator.LeakyRelu, a => (a.Float("alpha", 0.01f), 0))),
        ("HardSigmoid", Unary(UnaryOperator.HardSigmoid, a => (a.Float("alpha", 0.2f), a.Float("beta", 0.5f)))),
        ("ThresholdedRelu", Unary(UnaryOperator.ThresholdedRelu, a => (a.Float("alpha", 1), 0))),
        ("Gelu", Gelu), ("Clip", Clip), ("Not", OneInput(Elementwise.Not)), ("IsNaN", OneInput(Elementwise.IsNaN)),
        ("IsInf", IsInfinite),
        ("BitShift", (node, context) => Binary(node.Attributes.Text("direction") == "RIGHT"
            ? BinaryOperator.ShiftRight : BinaryOperator.ShiftLeft)(node, context)),
        ("Mod", (node, context) =>
            Binary(node.Attributes.Int("fmod") != 0 ? BinaryOperator.Remainder : BinaryOperator.Modulo)(node, context)),
        ("Min", Fold(BinaryOperator.Minimum)), ("Max", Fold(BinaryOperator.Maximum)), ("Sum", Fold(BinaryOperator.Add)),
        ("Mean", Mean), ("Where", Where), ("Cast", Cast), ("CastLike", Cast), ("Shrink", Shrink), ("Identity", Copy),
            ("Dropout", Dropout),
        ("BatchNormalization", BatchNormalization),
    ];

    public static IEnumerable<(string Operator, NodeLowering Lower)> Fused =>
        [("ScaleShift", ScaleShift), ("Silu", Unary(UnaryOperator.Silu, _ => (0f, 0f)))];

    /// <summary>The order in memory of the largest input, which elementwise results follow.</summary>
    public static MemoryOrder OrderOf(IEnumerable<TensorView> inputs)
    {
        var leader = inputs.MaxBy(v => v.ElementCount);
        return leader is { Rank: > 2 } && !leader.IsRowMajor && leader.Strides[1] == 1 && leader.Shape[1] > 1
            ? MemoryOrder.ChannelsLast
            : MemoryOrder.RowMajor;
    }

    private static ScalarType Scalar(TensorView view) => (ScalarType)view.Type;

    private static void AddStep(GraphNode node, LoweringContext context, TensorView[] reads, TensorView y,
        Func<TensorRef[], TensorRef, CpuKernel> make) => context.Add(new LoweredStep
        {
            Name = node.Name,
            Reads = reads,
            Writes = [y],
            Emit = binding => [make([.. reads.Select(binding.Ref)], binding.Ref(y))],
        });

    private static NodeLowering OneInput(Func<string, TensorRef, TensorRef, CpuKernel> make) => (node, context) =>
    {
        var x = context.Input(node, 0);
        var y = context.Output(node, OrderOf([x]), [x]);
        AddStep(node, context, [x], y, (r, w) => make(node.Name, r[0], w));
    };

    private static NodeLowering Unary(UnaryOperator function, Func<NodeAttributes,
        (float Alpha, float Beta)> parameters) =>
        (node, context) =>
        {
            var (alpha, beta) = parameters(node.Attributes);
            EmitUnary(node, context, function, alpha, beta);
        };

    private static void EmitUnary(GraphNode node, LoweringContext context, UnaryOperator function, float alpha,
        float beta)
    {
        var x = context.Input(node, 0);
        var y = context.Output(node, OrderOf([x]), [x]);
        AddStep(node, context, [x], y, (r, w) => x.Type == ElementType.Float32
            ? Elementwise.Unary(node.Name, function, r[0], w, alpha, beta)
            : Elementwise.Unary(node.Name, function, Scalar(x), r[0], w));
    }

    private static void Gelu(GraphNode node, LoweringContext context) => EmitUnary(node, context,
        node.Attributes.Text("approximate", "none") == "tanh" ? UnaryOperator.GeluTanh : UnaryOperator.Gelu, 0, 0);

    // Constant bounds make one pass; bounds that are computed, or of another type, make a maximum and a minimum.
    private static void Clip(GraphNode node, LoweringContext context)
    {
        if (FusedActivation.Of(node) is { } clip)
        {
            EmitUnary(node, context, UnaryOperator.Clip, clip.Alpha, clip.Beta);
            return;
        }

        var x = context.Input(node, 0);
        var bounds = new[] { (BinaryOperator.Maximum, context.TryInput(node, 1)),
            (BinaryOperator.Minimum, context.TryInput(node, 2)) };
        var present = bounds.Where(b => b.Item2 is not null).Select(b => (b.Item1, b.Item2!)).ToArray();
        EmitChain(node, context, x, present);
    }

    private static NodeLowering Fold(BinaryOperator function) => (node, context) =>
    {
        var inputs = Enumerable.Range(0, node.Inputs.Count).Select(i => context.Input(node, i)).ToArray();
        EmitChain(node, context, inputs[0], [.. inputs.Skip(1).Select(v => (function, v))]);
    };

    // ((x f1 v1) f2 v2) …, each result in a buffer of its own so that every step can be repeated.
    private static void EmitChain(
        GraphNode node, LoweringContext context, TensorView x, (BinaryOperator Function, TensorView Value)[] links,
            float scale = 1)
    {
        if (links.Length == 0)
        {
            var copy = context.Output(node, OrderOf([x]), [x]);
            context.AddCopy(node.Name, x, copy);
            return;
        }

        var (value, order) = (node.Out(), OrderOf([x, .. links.Select(l => l.Value)]));
        for (var i = 0; i < links.Length; i++)
        {
            var (a, b, function) = (x, links[i].Value, links[i].Function);
            var isLast = i == links.Length - 1 && scale == 1;
            var y = isLast ? context.Output(node, order, [a, b]) : context.Temporary(value.Type, value.Shape!, order);
            AddStep(node, context, [a, b], y, (r, w) =>
                Elementwise.Binary(node.Name, function, Scalar(a), r[0], r[1], w));
            x = y;
        }

        if (scale != 1)
        {
            var y = context.Output(node, order, [x]);
            AddStep(node, context, [x], y, (r, w) =>
                Elementwise.Unary(node.Name, UnaryOperator.Affine, r[0], w, scale));
        }
    }

    private static void Mean(GraphNode node, LoweringContext context)
    {
        var inputs = Enumerable.Range(0, node.Inputs.Count).Select(i => context.Input(node, i)).ToArray();
        EmitChain(node, context, inputs[0], [.. inputs.Skip(1).Select(v => (BinaryOperator.Add, v))],
            1f / inputs.Length);
    }

    private static NodeLowering Binary(BinaryOperator function) => (node, context) =>
    {
        var (a, b) = (context.Input(node, 0), context.Input(node, 1));
        // Before opset 7 the second operand is aligned by an attribute instead of at the last axis.
        b = b.TryReshape(BinaryOperators.SecondShape(OperatorCall.Of(node))!)!;
        if (a.Type == b.Type)
        {
            AddBinary(node, context, function, a, b, context.Output(node, OrderOf([a, b]), [a, b]));
        }
        else if (a.Type is ElementType.Float32 or ElementType.Float64)
        {
            b = Converted(node, context, b, a.Type);
            AddBinary(node, context, function, a, b, context.Output(node, OrderOf([a, b]), [a, b]));
        }
        else
        {
            MixedWhole(node, context, function, a, b);
        }
    };

    private static void AddBinary(GraphNode node, LoweringContext context, BinaryOperator function, TensorView a,
        TensorView b, TensorView y) => AddStep(node, context, [a, b], y, (r, w) =>
            Elementwise.Binary(node.Name, function, Scalar(a), r[0], r[1], w));

    // Whole numbers with others (Pow, PRelu) meet as doubles, so that an exponent keeps its fraction.
    private static void MixedWhole(GraphNode node, LoweringContext context, BinaryOperator function, TensorView a,
        TensorView b)
    {
        (a, b) = (Converted(node, context, a, ElementType.Float64), Converted(node, context, b, ElementType.Float64));
        var made = context.Temporary(ElementType.Float64, node.Out().Shape!, OrderOf([a, b]));
        AddBinary(node, context, function, a, b, made);
        var y = context.Output(node, OrderOf([made]), [made]);
        AddStep(node, context, [made], y, (r, w) =>
            Elementwise.Cast(node.Name, Scalar(made), r[0], Scalar(y), w));
    }

    private static TensorView Converted(GraphNode node, LoweringContext context, TensorView x, ElementType type)
    {
        var y = context.Temporary(type, x.Shape, OrderOf([x]));
        AddStep(node, context, [x], y, (r, w) => Elementwise.Cast($"{node.Name}.cast", Scalar(x), r[0], Scalar(y), w));
        return y;
    }

    private static void Where(GraphNode node, LoweringContext context)
    {
        TensorView[] reads = [context.Input(node, 0), context.Input(node, 1), context.Input(node, 2)];
        var y = context.Output(node, OrderOf(reads), reads);
        AddStep(node, context, reads, y, (r, w) => Elementwise.Where(node.Name, r[0], r[1], r[2], w));
    }

    private static void IsInfinite(GraphNode node, LoweringContext context)
    {
        var x = context.Input(node, 0);
        var (low, high) = (node.Attributes.Int("detect_negative", 1) != 0,
            node.Attributes.Int("detect_positive", 1) != 0);
        var y = context.Output(node, OrderOf([x]), [x]);
        AddStep(node, context, [x], y, (r, w) => Elementwise.IsInfinite(node.Name, r[0], w, low, high));
    }

    private static void Cast(GraphNode node, LoweringContext context)
    {
        var x = context.Input(node, 0);
        var y = context.Output(node, OrderOf([x]), [x]);
        AddStep(node, context, [x], y, (r, w) => Elementwise.Cast(node.Name, Scalar(x), r[0], Scalar(y), w));
    }

    // x + bias below -lambda, x - bias above lambda, else 0.
    private static void Shrink(GraphNode node, LoweringContext context)
    {
        var x = context.Input(node, 0);
        var (bias, lambda, order) = (node.Attributes.Float("bias"), node.Attributes.Float("lambd", 0.5f), OrderOf([x]));
        TensorView Constant(float value) => context.Constant(Tensor.Float([], [value]));
        TensorView Step(ElementType type, TensorView[] reads, Func<TensorRef[], TensorRef, CpuKernel> make)
        {
            var made = context.Temporary(type, x.Shape, order);
            AddStep(node, context, reads, made, make);
            return made;
        }

        TensorView Compare(BinaryOperator function, float bound) => Step(ElementType.Bool, [x, Constant(bound)],
            (r, w) => Elementwise.Binary(node.Name, function, Scalar(x), r[0], r[1], w));
        TensorView Shifted(float by) => Step(ElementType.Float32, [x],
            (r, w) => Elementwise.Unary(node.Name, UnaryOperator.Affine, r[0], w, 1, by));
        TensorView[] above = [Compare(BinaryOperator.Greater, lambda), Shifted(-bias), Constant(0)];
        var rest = Step(ElementType.Float32, above, (r, w) => Elementwise.Where(node.Name, r[0], r[1], r[2], w));
        TensorView[] below = [Compare(BinaryOperator.Less, -lambda), Shifted(bias), rest];
        var y = context.Output(node, order, below);
        AddStep(node, context, below, y, (r, w) => Elementwise.Where(node.Name, r[0], r[1], r[2], w));
    }

    private static void Copy(GraphNode node, LoweringContext context) =>
        context.Bind(node.Out(), context.Input(node, 0));

    // In inference nothing is dropped, and the mask says that everything was kept.
    private static void Dropout(GraphNode node, LoweringContext context)
    {
        if (NoOpRemoval.MayTrain(node))
        {
            throw new ModelException(ModelError.UnsupportedOperator,
                $"{node} (opset {node.Opset}): no kernel drops at random");
        }

        Copy(node, context);
        if (node.Outputs is [_, { } mask, ..])
        {
            var one = new Tensor(ElementType.Bool, [], [1]);
            var call = OperatorCall.Of(node, [one]);
            var view = context.Constant(CastOperator.Convert(call, one, mask.Type));
            context.Bind(mask, view.Broadcast(mask.Shape!));
        }
    }

    private static void BatchNormalization(GraphNode node, LoweringContext context) => throw new ModelException(
        ModelError.UnsupportedOperator,
            $"{node} (opset {node.Opset}): only inference with constant statistics is supported");

    private static void ScaleShift(GraphNode node, LoweringContext context)
    {
        var x = context.Input(node, 0);
        long[] vector = [.. Enumerable.Range(0, x.Rank).Select(i => i == 1 ? x.Shape[1] : 1)];
        var scale = context.Input(node, 1).TryReshape(vector)!;
        var shift = context.Input(node, 2).TryReshape(vector)!;
        var activation = FusedActivation.Read(node);
        var y = context.Output(node, OrderOf([x]), [x]);
        AddStep(node, context, [x, scale, shift], y,
            (r, w) => Elementwise.ScaleShift(node.Name, r[0], r[1], r[2], w, activation));
    }
}
