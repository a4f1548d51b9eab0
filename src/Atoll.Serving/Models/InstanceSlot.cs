using System.Threading.Tasks.Sources;
using Atoll.Devices;
using Atoll.Models;

namespace Atoll.Serving;

/// <summary>
/// One instance of a model with its reusable launch and its reusable completion. A model of variable shapes gets a new
/// instance when the shapes change. Used by one request at a time; running allocates nothing.
/// </summary>
internal sealed class InstanceSlot(CompiledModel model, DeviceClient client)
    : IValueTaskSource<InferenceOutcome>, IThreadPoolWorkItem, IDisposable
{
    // What comes after a launch must not run on the compute unit that ended it, nor wait for those who only arrive.
    private ManualResetValueTaskSourceCore<LaunchStatus> _completion;
    private CompletionThreads _threads = CompletionThreads.Of(WorkClass.BestEffort);
    private CancellationTokenRegistration _leaving;
    private Func<InstanceSlot, InferenceOutcome, InferenceOutcome>? _finish;
    private ReplicaBatch? _batch;
    private bool _isBatched;
    private LaunchStatus _ended;
    private ModelInstance? _instance;
    private Launch? _launch;
    private long[][] _inputShapes = [];
    private long[][] _outputShapes = [];

    /// <summary>The instance is there and has the shapes of these inputs.</summary>
    public bool Fits(InputTensor[] inputs)
    {
        for (var i = 0; i < inputs.Length; i++)
        {
            if (_instance is null || !inputs[i].Shape.AsSpan().SequenceEqual(_inputShapes[i]))
            {
                return false;
            }
        }

        return true;
    }

    /// <summary>Copies the inputs into device memory, after making the instance for their shapes if need be.</summary>
    /// <exception cref="ModelException">The shapes do not fit the model or each other.</exception>
    public void Fill(InputTensor[] inputs)
    {
        if (!Fits(inputs))
        {
            Prepare(model.IsStatic ? null : [.. inputs.Select(input => input.Shape)]);
        }

        for (var i = 0; i < inputs.Length; i++)
        {
            var to = _instance!.Input(i).AsSpan<byte>();
            RequireBytes(i, inputs[i].Data.Length, to.Length);
            inputs[i].Data.Span.CopyTo(to);
        }
    }

    /// <summary>
    /// Copies the rows of the requests one behind another into the inputs; rows beyond keep what they held.
    /// </summary>
    /// <exception cref="ModelException">The data of a request is not what its rows take.</exception>
    private void Gather(ReplicaBatch batch, bool isBatched)
    {
        for (var i = 0; i < _instance!.Inputs.Count; i++)
        {
            var to = _instance.Input(i).AsSpan<byte>();
            var rowBytes = isBatched ? to.Length / _inputShapes[i][0] : to.Length;
            for (var request = 0; request < batch.Count; request++)
            {
                // Fewer bytes would move the rows of the requests behind, and their answers, to their neighbours.
                var from = batch.Input(request, i);
                RequireBytes(i, from.Length, isBatched ? batch.RowsOf(request) * rowBytes : rowBytes);
                from.CopyTo(to);
                to = to[from.Length..];
            }
        }
    }

    private void RequireBytes(int input, long given, long wanted)
    {
        if (given != wanted)
        {
            throw new ModelException(ModelError.InvalidShape,
                $"input '{_instance!.Inputs[input].Spec.Name}' has {given} bytes; its shape takes {wanted}");
        }
    }

    /// <summary>Hands every request its rows of the outputs that it wants.</summary>
    private void Scatter(ReplicaBatch batch, bool isBatched)
    {
        for (var i = 0; i < _outputShapes.Length; i++)
        {
            var from = Data(i);
            var rowBytes = isBatched ? from.Length / (int)_outputShapes[i][0] : from.Length;
            for (var request = 0; request < batch.Count; request++)
            {
                var bytes = isBatched ? batch.RowsOf(request) * rowBytes : rowBytes;
                if (batch.Wants(request, i))
                {
                    batch.SetOutput(request, i, _outputShapes[i], isBatched, from[..bytes]);
                }

                from = from[bytes..];
            }
        }
    }

    /// <summary>Makes the instance; null = the shapes that the model fixes itself.</summary>
    public void Prepare(IReadOnlyList<long[]>? shapes = null)
    {
        Dispose();
        _instance = model.Instantiate(client.Device, client, shapes);
        _inputShapes = [.. _instance.Inputs.Select(input => input.Spec.Shape.ToArray())];
        _outputShapes = [.. _instance.Outputs.Select(output => output.Spec.Shape.ToArray())];
        _launch = new Launch(_instance.Program)
        {
            State = this,
            OnEnded = static launch => ((InstanceSlot)launch.State!).End(launch.Status),
        };
    }

    /// <summary>
    /// Runs the instance on the stream; cancelling stops it at its next yield point. To be awaited once.
    /// </summary>
    /// <param name="finish">Makes the outcome whole where it is taken, by whoever awaits it.</param>
    public ValueTask<InferenceOutcome> RunAsync(DeviceStream stream, long deadline, CancellationToken cancellation,
        Func<InstanceSlot, InferenceOutcome, InferenceOutcome>? finish = null)
    {
        var launch = _launch!;
        launch.Deadline = deadline;
        _finish = finish;
        _completion.Reset();
        _threads = CompletionThreads.Of(stream.Class);
        var submitted = stream.Submit(launch);
        if (submitted != SubmitResult.Accepted)
        {
            return new ValueTask<InferenceOutcome>(Finished(new InferenceOutcome(submitted switch
            {
                SubmitResult.NotAdmitted => InferenceStatus.NotAdmitted,
                SubmitResult.QueueFull => InferenceStatus.QueueFull,
                _ => InferenceStatus.Failed,
            }, null, $"the device answered {submitted}")));
        }

        // Nobody takes the outcome before this method returns, so the registration is there when it is given up.
        _leaving = cancellation.UnsafeRegister(static launch => ((Launch)launch!).Cancel(), launch);
        return new ValueTask<InferenceOutcome>(this, _completion.Version);
    }

    /// <summary>Runs the rows of the batch and hands each request its outputs.</summary>
    public ValueTask<InferenceOutcome> RunAsync(
        ReplicaBatch batch, bool isBatched, DeviceStream stream, CancellationToken cancellation)
    {
        Gather(batch, isBatched);
        (_batch, _isBatched) = (batch, isBatched);
        return RunAsync(stream, 0, cancellation, static (slot, outcome) => slot.HandOut(outcome));
    }

    public ReadOnlySpan<long> Shape(int output) => _outputShapes[output];

    public ReadOnlySpan<byte> Data(int output) => _instance!.Output(output).AsSpan<byte>();

    public void Dispose()
    {
        _instance?.Dispose();
        _instance = null;
        _launch = null;
    }

    void IThreadPoolWorkItem.Execute() => _completion.SetResult(_ended);

    private void End(LaunchStatus status)
    {
        _ended = status;
        _threads.Post(this);
    }

    /// <summary>Runs the rows of the batch; the outputs stay here for the programs that go on with them.</summary>
    public ValueTask<InferenceOutcome> RunPrefixAsync(
        ReplicaBatch batch, DeviceStream stream, CancellationToken cancellation)
    {
        Gather(batch, isBatched: true);
        return RunAsync(stream, 0, cancellation);
    }

    private InferenceOutcome HandOut(InferenceOutcome outcome)
    {
        if (outcome.Status == InferenceStatus.Completed)
        {
            Scatter(_batch!, _isBatched);
        }

        _batch = null;
        return outcome;
    }

    private InferenceOutcome Finished(InferenceOutcome outcome) =>
        _finish is { } finish ? finish(this, outcome) : outcome;

    InferenceOutcome IValueTaskSource<InferenceOutcome>.GetResult(short token)
    {
        var status = _completion.GetResult(token);

        // Waits for a cancellation that is under way, so that it cannot meet the next launch.
        _leaving.Dispose();
        var failure = _launch!.Failure;
        return Finished(new InferenceOutcome(status switch
        {
            LaunchStatus.Completed => InferenceStatus.Completed,
            LaunchStatus.Late => InferenceStatus.Late,
            LaunchStatus.Cancelled => InferenceStatus.Cancelled,
            LaunchStatus.Failed when failure is InputValueException => InferenceStatus.Rejected,
            _ => InferenceStatus.Failed,
        }, null, failure?.Message));
    }

    ValueTaskSourceStatus IValueTaskSource<InferenceOutcome>.GetStatus(short token) => _completion.GetStatus(token);

    void IValueTaskSource<InferenceOutcome>.OnCompleted(
        Action<object?> continuation, object? state, short token, ValueTaskSourceOnCompletedFlags flags) =>
        _completion.OnCompleted(continuation, state, token, flags);
}
