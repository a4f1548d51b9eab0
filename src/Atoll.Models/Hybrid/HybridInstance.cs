using Atoll.Devices;

namespace Atoll.Models;

/// <summary>
/// Runs a hybrid model: programs on the device, and between them the host's operators on the caller's thread. One run
/// at a time; not thread-safe.
/// </summary>
public sealed class HybridInstance : IDisposable
{
    /// <summary>Loaded programs kept for each set of shapes whose plan is kept.</summary>
    private const int IslandsPerShapes = 4;

    private readonly HybridModel _model;
    private readonly IslandInstances _islands;

    internal HybridInstance(HybridModel model, Device device, DeviceClient client)
    {
        _model = model;
        _islands = new IslandInstances(device, client,
            Math.Max(1, model.Options.PlanCacheCapacity) * IslandsPerShapes);
    }

    /// <summary>
    /// Runs the model on the stream. Cancelling ends it between two operators of the host, between two iterations, or
    /// at the running program's next yield point.
    /// </summary>
    /// <param name="inputs">One value per input of the model, in its order.</param>
    /// <param name="stream">Where the programs are launched; it needs room for one launch.</param>
    /// <param name="deadline">Device timestamp before which each launch must start; 0 = none.</param>
    /// <param name="cancellation">Ends the run.</param>
    /// <exception cref="ModelException">The inputs do not fit the model, or an operator cannot compute its
    /// values.</exception>
    /// <exception cref="DeviceException">No device memory for a program.</exception>
    public async ValueTask<HybridOutcome> RunAsync(IReadOnlyList<ModelValue> inputs, DeviceStream stream,
        long deadline = 0, CancellationToken cancellation = default)
    {
        var run = new Run(stream, deadline, new RunBudget(_model.Options.Limits, cancellation));
        try
        {
            var outputs = await RunModelAsync(_model, inputs, run);
            return new HybridOutcome(LaunchStatus.Completed, SubmitResult.Accepted, outputs);
        }
        catch (LaunchEndedException end)
        {
            return end.Outcome;
        }
        catch (OperationCanceledException) when (cancellation.IsCancellationRequested)
        {
            return new HybridOutcome(LaunchStatus.Cancelled, SubmitResult.Accepted, []);
        }
    }

    public void Dispose() => _islands.Dispose();

    private async ValueTask<ModelValue[]> RunModelAsync(HybridModel model, IReadOnlyList<ModelValue> inputs, Run run)
    {
        RunInputs.Check(model.Graph, inputs);
        var graph = model.Graph;
        var values = inputs;
        while (true)
        {
            var infos = values.Select(v => TensorInfo.Of(v) with { Constant = null, Value = null }).ToArray();
            var plan = model.Plan(graph, infos);
            if (plan.Island is not null && !TryLoad(plan))
            {
                plan = model.PlanForHost(graph, infos);
            }

            var results = await RunStageAsync(plan, values, run);
            if (plan.Rest is null)
            {
                return results;
            }

            (graph, values) = (plan.Rest, results);
        }
    }

    private bool TryLoad(StagePlan plan)
    {
        try
        {
            _islands.Get(plan);
            return true;
        }
        catch (ModelException e) when (e.Error == ModelError.UnsupportedOperator)
        {
            return false;
        }
    }

    private async ValueTask<ModelValue[]> RunStageAsync(StagePlan plan, IReadOnlyList<ModelValue> inputs, Run run)
    {
        var slots = new ModelValue?[plan.Slots];
        for (var i = 0; i < inputs.Count; i++)
        {
            slots[i] = inputs[i];
        }

        foreach (var (slot, constant) in plan.Constants)
        {
            slots[slot] = constant;
        }

        if (plan.Island is not null)
        {
            await RunIslandAsync(plan, slots, run);
        }

        foreach (var step in plan.Steps)
        {
            await RunStepAsync(plan.Owner, step, slots, run);
        }

        return Array.ConvertAll(plan.Results, slot => slots[slot]!);
    }

    private async ValueTask RunIslandAsync(StagePlan plan, ModelValue?[] slots, Run run)
    {
        run.Budget.Cancellation.ThrowIfCancellationRequested();
        var (instance, launch) = _islands.Get(plan);
        for (var i = 0; i < plan.IslandInputs.Length; i++)
        {
            ((Tensor)slots[plan.IslandInputs[i]]!).Data.CopyTo(instance.Input(i).AsSpan<byte>());
        }

        await LaunchAsync(launch, run);
        for (var i = 0; i < plan.IslandOutputs.Length; i++)
        {
            var output = instance.Output(i);
            slots[plan.IslandOutputs[i]] = new Tensor(output.Spec.Type, output.Spec.Shape,
                output.AsSpan<byte>().ToArray());
        }

        run.Budget.CheckBytes(Bytes(slots));
    }

    private static async ValueTask LaunchAsync(Launch launch, Run run)
    {
        // Asynchronous: what comes after a launch must not run on the compute unit that ended it.
        var ended = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        (launch.State, launch.Deadline) = (ended, run.Deadline);
        var submitted = run.Stream.Submit(launch);
        if (submitted != SubmitResult.Accepted)
        {
            throw new LaunchEndedException(new HybridOutcome(LaunchStatus.Idle, submitted, []));
        }

        await using (run.Budget.Cancellation.UnsafeRegister(static l => ((Launch)l!).Cancel(), launch))
        {
            await ended.Task;
        }

        if (launch.Status != LaunchStatus.Completed)
        {
            throw new LaunchEndedException(new HybridOutcome(launch.Status, submitted, [], launch.Failure));
        }
    }

    private async ValueTask RunStepAsync(HybridModel owner, HostStep step, ModelValue?[] slots, Run run)
    {
        var definition = OperatorTable.Find(step.Node);
        var call =
            ReferenceInterpreter.Prepare(step.Node, step.Inputs.Select(s => s < 0 ? null : slots[s]), run.Budget);
        var results = definition.RunWith is { } runWith
            ? await runWith(call, (body, inputs) => RunSubgraphAsync(owner.Subgraph(body), inputs, run))
            : definition.Run(call);
        for (var i = 0; i < step.Outputs.Length; i++)
        {
            if (step.Outputs[i] >= 0)
            {
                slots[step.Outputs[i]] = results[i];
            }
        }

        run.Budget.CheckBytes(Bytes(slots));
    }

    private ValueTask<ModelValue[]> RunSubgraphAsync(
        BoundSubgraph subgraph, IReadOnlyList<ModelValue> inputs, Run run) =>
        RunModelAsync(subgraph.Model, Array.ConvertAll(subgraph.Fed, i => inputs[i]), run);

    private static long Bytes(ModelValue?[] slots) => slots.Sum(v => v?.ByteCount ?? 0);

    /// <summary>What all parts of one run share.</summary>
    private sealed record Run(DeviceStream Stream, long Deadline, RunBudget Budget);
}
