namespace Atoll.Models;

/// <summary>
/// Repeats a subgraph up to a count and while its condition holds; some results are carried from one iteration to the
/// next, others are stacked.
/// </summary>
internal static class LoopOperator
{
    private const int Fixed = 2;

    public static IEnumerable<OperatorDefinition> All =>
    [
        new("Loop", Infer, call => Subgraphs.Interpret(call, RunAsync))
        {
            InputsMin = 0, InputsMax = int.MaxValue, OutputsMax = int.MaxValue, IsHeavy = true,
            TakesContainers = true, Strings = StringSupport.Own, RunWith = RunAsync,
        },
    ];

    private static void Infer(OperatorCall call)
    {
        var body = call.Attributes.Graph("body");
        var carried = Math.Max(0, call.InputCount - Fixed);
        Subgraphs.RequireOutputs(call, body, Math.Max(call.OutputCount, carried) + 1);
        TensorInfo[] state =
        [
            .. Enumerable.Range(Fixed, carried).Select(i => call.Info(i) is { } info
                ? info with { Constant = null, Value = null }
                : throw call.Fail(ModelError.InvalidGraph, $"input {i} is left out")),
        ];
        var results = InferBody(call, body, state);
        // What changes shape from one iteration to the next is known only so far as all iterations agree.
        var stable = Settle(call, state, results);
        if (!Same(stable, state))
        {
            results = InferBody(call, body, stable);
            stable = Settle(call, stable, results);
        }
        for (var i = 0; i < call.OutputCount; i++)
        {
            call.Set(i, i < carried ? stable[i] : Stacked(results[i + 1]));
        }
    }

    private static TensorInfo[] InferBody(OperatorCall call, Graph body, TensorInfo[] state) =>
        [.. Subgraphs.Infer(call, body, [new(ElementType.Int64, []), new(ElementType.Bool, []), .. state])
            .Outputs.Select(TensorInfo.Of)];

    private static TensorInfo[] Settle(OperatorCall call, TensorInfo[] state, TensorInfo[] results) =>
        [.. state.Select((s, i) => Subgraphs.Join(call, s, results[i + 1]))];

    private static bool Same(TensorInfo[] a, TensorInfo[] b) => a.Zip(b).All(p =>
        p.First.Shape is { } x ? p.Second.Shape is { } y && x.AsSpan().SequenceEqual(y) : p.Second.Shape is null);

    private static TensorInfo Stacked(TensorInfo info) =>
        new(info.Type, info.Shape is null ? null : [-1, .. info.Shape]);

    private static async ValueTask<ModelValue[]> RunAsync(OperatorCall call, SubgraphRunner runner)
    {
        var body = call.Attributes.Graph("body");
        var most = call.Has(0) ? Subgraphs.Scalar(call, call.Value(0), "the trip count") : long.MaxValue;
        var goes = !call.Has(1) || Subgraphs.Scalar(call, call.Value(1), "the condition") != 0;
        var state = Enumerable.Range(Fixed, Math.Max(0, call.InputCount - Fixed)).Select(call.Value).ToArray();
        var scans = Enumerable.Range(0, Math.Max(0, body.Outputs.Count - 1 - state.Length))
            .Select(_ => new StackedTensors()).ToArray();
        for (var i = 0L; i < most && goes; i++)
        {
            call.Budget.CountIteration();
            var results = await Subgraphs.RunAsync(call, runner, body,
                [Tensor.Int64([], [i]), new Tensor(ElementType.Bool, [], [1]), .. state]);
            goes = Subgraphs.Scalar(call, results[0], "the condition that the body gives") != 0;
            results.AsSpan(1, state.Length).CopyTo(state);
            for (var s = 0; s < scans.Length; s++)
            {
                scans[s].Add(call, results[1 + state.Length + s]);
            }
        }
        return [.. state, .. scans.Select((scan, s) => scan.Stack(call, call.Output(state.Length + s)))];
    }
}
