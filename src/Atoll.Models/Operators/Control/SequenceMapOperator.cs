namespace Atoll.Models;

/// <summary>Runs a subgraph for each item of a sequence; further inputs are sequences as long, or tensors.</summary>
internal static class SequenceMapOperator
{
    public static IEnumerable<OperatorDefinition> All =>
    [
        new("SequenceMap", Infer, call => Subgraphs.Interpret(call, RunAsync))
        {
            InputsMax = int.MaxValue, OutputsMax = int.MaxValue, SinceOpset = 17, IsHeavy = true,
            TakesContainers = true, Strings = StringSupport.Own, RunWith = RunAsync,
        },
    ];

    private static void Infer(OperatorCall call)
    {
        var body = call.Attributes.Graph("body");
        Subgraphs.RequireOutputs(call, body, call.OutputCount);
        var results = Subgraphs.Infer(call, body, [.. Enumerable.Range(0, call.InputCount).Select(i =>
            call.Container(i) is { Kind: ContainerKind.Sequence } ? new TensorInfo(call.Type(i), null)
            : call.Info(i)!.Value with { Constant = null, Value = null })]).Outputs;
        for (var i = 0; i < call.OutputCount; i++)
        {
            call.Set(i, new ContainerType(ContainerKind.Sequence, results[i].Type));
        }
    }

    private static async ValueTask<ModelValue[]> RunAsync(OperatorCall call, SubgraphRunner runner)
    {
        var body = call.Attributes.Graph("body");
        var count = call.Sequence(0).Items.Count;
        var results = body.Outputs.Select(_ => new List<ModelValue>()).ToArray();
        for (var at = 0; at < count; at++)
        {
            call.Budget.CountIteration();
            var item = at;
            var made = await Subgraphs.RunAsync(call, runner, body,
                [.. Enumerable.Range(0, call.InputCount).Select(i => Item(call, i, item, count))]);
            for (var i = 0; i < results.Length; i++)
            {
                results[i].Add(made[i]);
            }

            call.Budget.CheckBytes(results.Sum(r => r[^1].ByteCount * r.Count));
        }

        return [.. results.Take(call.OutputCount).Select((items, i) =>
            new ValueSequence(call.Output(i).Container!, items))];
    }

    private static ModelValue Item(OperatorCall call, int input, int at, int count)
    {
        if (call.Value(input) is not ValueSequence sequence)
        {
            return call.Value(input);
        }

        return sequence.Items.Count == count ? sequence.Items[at]
            : throw call.Fail(ModelError.InvalidShape,
                $"input {input} has {sequence.Items.Count} items, the first input {count}");
    }
}
