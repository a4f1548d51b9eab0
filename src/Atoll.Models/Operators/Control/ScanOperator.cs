namespace Atoll.Models;

/// <summary>
/// Runs a subgraph for each slice of some inputs along an axis, carries a state, and stacks the other results. The
/// first form (opset 8) has a batch axis before all others and a length for each member of the batch.
/// </summary>
internal static class ScanOperator
{
    public static IEnumerable<OperatorDefinition> All =>
    [
        Define(InferBatched, RunBatchedAsync) with { SinceOpset = 8, UntilOpset = 8 },
        Define(InferScan, RunScanAsync) with { SinceOpset = 9 },
    ];

    private static OperatorDefinition Define(Action<OperatorCall> infer,
        Func<OperatorCall, SubgraphRunner, ValueTask<ModelValue[]>> run) =>
        new("Scan", infer, call => Subgraphs.Interpret(call, run))
        {
            InputsMin = 0, InputsMax = int.MaxValue, OutputsMax = int.MaxValue, IsHeavy = true,
            Strings = StringSupport.Own, RunWith = run,
        };

    private static void InferScan(OperatorCall call)
    {
        var form = ScanForm.Of(call, 0);
        var state = Enumerable.Range(0, form.States).Select(i => Unvalued(call, i)).ToArray();
        var results = Subgraphs.Infer(call, form.Body, [.. state, .. form.Scans(call).Select((at, i) =>
            Sliced(call, at, form.InputAxis(call, i)))]).Outputs;
        for (var i = 0; i < call.OutputCount; i++)
        {
            var result = TensorInfo.Of(results[i]);
            call.Set(i, i < form.States ? Subgraphs.Join(call, state[i], result)
                : new TensorInfo(result.Type, ScanForm.Insert(call, i - form.States, result.Shape, form.Length(call))));
        }
    }

    private static TensorInfo Unvalued(OperatorCall call, int input) => call.Info(input) is { } info
        ? info with { Constant = null, Value = null }
        : throw call.Fail(ModelError.InvalidGraph, $"input {input} is left out");

    private static TensorInfo Sliced(OperatorCall call, int input, int axis)
    {
        var info = Unvalued(call, input);
        return info with { Shape = info.Shape is null ? null : [.. info.Shape.Where((_, d) => d != axis)] };
    }

    private static async ValueTask<ModelValue[]> RunScanAsync(OperatorCall call, SubgraphRunner runner)
    {
        var form = ScanForm.Of(call, 0);
        var inputs = form.Scans(call).Select(call.Input).ToArray();
        var axes = Enumerable.Range(0, inputs.Length).Select(i => form.InputAxis(call, i)).ToArray();
        var state = Enumerable.Range(0, form.States).Select(call.Value).ToArray();
        var (last, stacks) = await form.RunAsync(call, runner, state, (inputs, axes), form.Length(call));
        return
        [
            .. last,
            .. stacks.Select((stack, i) => ScanForm.MoveAxis(call, i, stack.Stack(call, call.Output(form.States + i)))),
        ];
    }

    private static void InferBatched(OperatorCall call)
    {
        var form = ScanForm.Of(call, 1);
        var batch = call.Shape(1) is [var count, ..] ? count : -1;
        var state = Enumerable.Range(1, form.States).Select(i => Sliced(call, i, 0)).ToArray();
        var results = Subgraphs.Infer(call, form.Body,
            [.. state, .. form.Scans(call).Select(at => Sliced(call, at, 0) is var row
                ? row with { Shape = row.Shape is null ? null : [.. row.Shape.Skip(1)] } : row)]).Outputs;
        var length = call.Shape(form.Scans(call).First()) is [_, var steps, ..] ? steps : -1;
        for (var i = 0; i < call.OutputCount; i++)
        {
            var shape = TensorInfo.Of(results[i]).Shape;
            call.Set(i, results[i].Type, shape is null ? null
                : i < form.States ? [batch, .. shape] : [batch, length, .. shape]);
        }
    }

    private static async ValueTask<ModelValue[]> RunBatchedAsync(OperatorCall call, SubgraphRunner runner)
    {
        var form = ScanForm.Of(call, 1);
        var batch = call.Shape(form.Scans(call).First())![0];
        var longest = call.Shape(form.Scans(call).First())![1];
        var lengths = call.Has(0) ? call.IntsOf(0) : [.. Enumerable.Repeat(longest, (int)batch)];
        var results = Enumerable.Range(0, call.OutputCount).Select(_ => new StackedTensors()).ToArray();
        for (var b = 0; b < batch; b++)
        {
            var row = b;
            var state = Enumerable.Range(1, form.States)
                .Select(i => (ModelValue)ScanForm.Slice(call.Input(i), 0, row)).ToArray();
            var inputs = form.Scans(call).Select(i => ScanForm.Slice(call.Input(i), 0, row)).ToArray();
            var (last, stacks) = await form.RunAsync(call, runner, state, (inputs, new int[inputs.Length]), lengths[b]);
            for (var i = 0; i < results.Length; i++)
            {
                results[i].Add(call, i < form.States ? last[i]
                    : ScanForm.Pad(stacks[i - form.States].Stack(call, call.Output(i)), longest));
            }
        }

        return [.. results.Select((r, i) => r.Stack(call, call.Output(i)))];
    }
}
