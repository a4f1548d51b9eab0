namespace Atoll.Models;

/// <summary>Runs one of two subgraphs.</summary>
internal static class IfOperator
{
    public static IEnumerable<OperatorDefinition> All =>
    [
        new("If", Infer, call => Subgraphs.Interpret(call, RunAsync))
        {
            OutputsMax = int.MaxValue, IsHeavy = true, TakesContainers = true, RunWith = RunAsync,
        },
    ];

    public static Graph Branch(OperatorCall call, ModelValue condition) => call.Attributes.Graph(
        Subgraphs.Scalar(call, condition, "the condition") != 0 ? "then_branch" : "else_branch");

    private static void Infer(OperatorCall call)
    {
        if (call.Constant(0) is { } condition)
        {
            Set(call, InferBranch(call, Branch(call, condition)));
            return;
        }

        var then = TryInfer(call, call.Attributes.Graph("then_branch"), out var refusal);
        var other = TryInfer(call, call.Attributes.Graph("else_branch"), out var otherRefusal);
        if (then is null && other is null)
        {
            throw refusal ?? otherRefusal!;
        }

        Set(call, then is null ? Unshaped(other!) : other is null ? Unshaped(then)
            : [.. then.Zip(other, (a, b) => Subgraphs.Join(call, a, b))]);
    }

    // A branch may be impossible for these shapes, and is then never taken: exporters guard a Squeeze so.
    private static TensorInfo[]? TryInfer(OperatorCall call, Graph branch, out ModelException? refusal)
    {
        try
        {
            refusal = null;
            return InferBranch(call, branch);
        }
        catch (ModelException e) when (e.Error == ModelError.InvalidShape)
        {
            refusal = e;
            return null;
        }
    }

    private static TensorInfo[] InferBranch(OperatorCall call, Graph branch)
    {
        Subgraphs.RequireOutputs(call, branch, call.OutputCount);
        return [.. Subgraphs.Infer(call, branch, []).Outputs.Select(TensorInfo.Of)];
    }

    private static TensorInfo[] Unshaped(TensorInfo[] infos) =>
        Array.ConvertAll(infos, i => i with { Shape = null, Constant = null });

    private static void Set(OperatorCall call, TensorInfo[] infos)
    {
        for (var i = 0; i < call.OutputCount; i++)
        {
            call.Set(i, infos[i]);
        }
    }

    private static ValueTask<ModelValue[]> RunAsync(OperatorCall call, SubgraphRunner runner)
    {
        var branch = Branch(call, call.Value(0));
        Subgraphs.RequireOutputs(call, branch, call.OutputCount);
        return Subgraphs.RunAsync(call, runner, branch, []);
    }
}
