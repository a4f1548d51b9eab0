namespace Atoll.Models;

/// <summary>RNN, GRU and LSTM over whole sequences, in one or both directions.</summary>
internal static class RecurrentOperators
{
    public static IEnumerable<OperatorDefinition> All =>
    [
        new("RNN", call => Infer(call, 1), call => Evaluate(call, 1)) { InputsMin = 3, InputsMax = 6, OutputsMax = 2,
            SinceOpset = 7, IsHeavy = true },
        new("GRU", call => Infer(call, 3), call => Evaluate(call, 3)) { InputsMin = 3, InputsMax = 6, OutputsMax = 2,
            SinceOpset = 7, IsHeavy = true },
        new("LSTM", call => Infer(call, 4), call => Evaluate(call, 4)) { InputsMin = 3, InputsMax = 8, OutputsMax = 3,
            SinceOpset = 7, IsHeavy = true },
    ];

    private static bool IsBatchFirst(OperatorCall call) => call.Attributes.Int("layout") != 0;

    private static void Infer(OperatorCall call, int gates)
    {
        call.RequireRank(0, 3, 3);
        call.RequireRank(1, 3, 3);
        call.RequireRank(2, 3, 3);
        var direction = call.Attributes.Text("direction", "forward");
        long directions = direction switch
        {
            "forward" or "reverse" => 1,
            "bidirectional" => 2,
            _ => throw call.Fail(ModelError.InvalidAttribute, $"direction '{direction}' is not known"),
        };
        var x = call.Shape(0) ?? [-1, -1, -1];
        var hidden = call.Shape(2) is { } r ? r[2] : call.Attributes.Int("hidden_size", -1);
        ShapeRules.RequireShape(call, 1, directions, Times(gates, hidden), x[2]);
        ShapeRules.RequireShape(call, 2, directions, Times(gates, hidden), hidden);
        var (time, batch) = IsBatchFirst(call) ? (x[1], x[0]) : (x[0], x[1]);
        RequireOptional(call, gates, (directions, batch, hidden));
        call.Set(0, call.Type(0), IsBatchFirst(call) ? [batch, time, directions, hidden]
            : [time, directions, batch, hidden]);
        for (var i = 1; i < call.OutputCount; i++)
        {
            call.Set(i, call.Type(0), IsBatchFirst(call) ? [batch, directions, hidden] : [directions, batch, hidden]);
        }
    }

    private static long Times(long factor, long dim) => dim < 0 ? -1 : checked(factor * dim);

    /// <summary>Biases, sequence lengths, initial states and peepholes.</summary>
    private static void RequireOptional(OperatorCall call, int gates, (long Directions, long Batch, long Hidden) size)
    {
        var (directions, batch, hidden) = size;
        ShapeRules.RequireShape(call, 3, directions, Times(2 * gates, hidden));
        ShapeRules.RequireShape(call, 4, batch);
        ShapeRules.RequireShape(call, 7, directions, Times(3, hidden));
        for (var state = 5; state <= 6; state++)
        {
            ShapeRules.RequireShape(call, state, IsBatchFirst(call) ? [batch, directions, hidden]
                : [directions, batch, hidden]);
        }
        for (var input = 1; input < call.InputCount; input++)
        {
            if (input != 4 && call.Has(input) && call.Type(input) != call.Type(0) &&
                call.Type(input) != ElementType.Undefined && call.Type(0) != ElementType.Undefined)
            {
                throw call.Fail(ModelError.UnsupportedType, $"input {input} is {call.Type(input)}, not {call.Type(0)}");
            }
        }
    }

    private static Tensor[] Evaluate(OperatorCall call, int gates)
    {
        var shape = call.Input(0).Shape;
        var batchFirst = IsBatchFirst(call);
        var (time, batch) = batchFirst ? ((int)shape[1], (int)shape[0]) : ((int)shape[0], (int)shape[1]);
        var hidden = (int)call.Input(2).Shape[2];
        var directions = (int)call.Input(1).Shape[0];
        var lengths = call.Has(4) ? call.IntsOf(4) : [.. Enumerable.Repeat((long)time, batch)];
        var x = WideTensor.Of(call, 0);
        var y = new double[time * directions * batch * hidden];
        var last = new double[directions * batch * hidden];
        var cells = new double[last.Length];
        for (var d = 0; d < directions; d++)
        {
            var cell = RecurrentCell.Of(call, gates, d);
            var isReverse = d == 1 || call.Attributes.Text("direction") == "reverse";
            for (var b = 0; b < batch; b++)
            {
                var state = batchFirst ? (b * directions + d) * hidden : (d * batch + b) * hidden;
                var (h, c) = (Initial(call, 5, state, hidden), Initial(call, 6, state, hidden));
                for (var step = 0; step < lengths[b]; step++)
                {
                    var t = isReverse ? (int)lengths[b] - 1 - step : step;
                    var row = (batchFirst ? b * time + t : t * batch + b) * (int)shape[2];
                    cell.Step(x.AsSpan(row, (int)shape[2]), h, c);
                    h.CopyTo(y, (batchFirst ? (b * time + t) * directions + d : (t * directions + d) * batch + b) *
                        hidden);
                }
                h.CopyTo(last, state);
                c.CopyTo(cells, state);
            }
        }
        long[] final = batchFirst ? [batch, directions, hidden] : [directions, batch, hidden];
        return [WideTensor.Narrow(call, y, call.OutputShape(), call.Type(0)),
            WideTensor.Narrow(call, last, final, call.Type(0)), WideTensor.Narrow(call, cells, final, call.Type(0))];
    }

    private static double[] Initial(OperatorCall call, int input, int start, int hidden) =>
        call.Has(input) ? WideTensor.Of(call, input)[start..(start + hidden)] : new double[hidden];
}
