using Atoll.Devices;
using Atoll.Models;

namespace Atoll.Serving;

/// <summary>
/// A model that runs partly on the host (strings, control flow, shapes that depend on values): a pool of instances per
/// class and a stream per priority, as with a compiled model. Host operators run on the request's thread. Thread-safe.
/// </summary>
public sealed class HybridServedModel : IServedModel
{
    private readonly Lock _lock = new();
    private readonly Device _device;
    private readonly HybridModel _model;
    private readonly ModelConfiguration _configuration;
    private readonly Stack<HybridInstance>[] _free = [new(), new()];
    private readonly DeviceStream?[] _streams = new DeviceStream?[ModelConfiguration.MaxPriority + 1];

    /// <summary>Makes all instances. Owns the model from then on.</summary>
    /// <exception cref="ModelException">An input or output is no tensor, which the protocol cannot carry.</exception>
    public HybridServedModel(
        Device device, HybridModel model, ModelConfiguration configuration, (string Name, string Version) id)
    {
        (_device, _model, _configuration) = (device, model, configuration);
        Metadata = new ModelMetadata
        {
            Name = id.Name,
            Version = id.Version,
            Inputs = [.. model.Inputs.Select(Describe)],
            Outputs = [.. model.Outputs.Select(Describe)],
        };
        foreach (var workClass in Enum.GetValues<WorkClass>())
        {
            for (var i = 0; i < configuration.SlotsFor(workClass); i++)
            {
                _free[(int)workClass].Push(model.Instantiate(device));
            }
        }
    }

    public ModelMetadata Metadata { get; }

    public int Slots(WorkClass workClass) => _configuration.SlotsFor(workClass);

    /// <summary>Does nothing: the host's operators come before the device is needed.</summary>
    public void Expect()
    {
    }

    public async ValueTask<InferenceOutcome> InferAsync(InferenceRequest request, CancellationToken cancellationToken)
    {
        var instance = Take(request.Class);
        try
        {
            // Who waited for its turn comes on a thread that others' answers wait for, too.
            await CompletionThreads.LeaveAsync();
            var inputs = request.Inputs.Select((input, i) =>
                (ModelValue)new Tensor(_model.Inputs[i].Type, input.Shape, input.Data.ToArray())).ToArray();
            var outcome = await instance.RunAsync(
                inputs, StreamFor(request.Class, request.Priority), request.Deadline, cancellationToken);
            return Answer(outcome);
        }
        catch (Exception e) when (e is ModelException { Error: ModelError.InvalidShape } or ArgumentException)
        {
            return new InferenceOutcome(InferenceStatus.Rejected, null, e.Message);
        }
        finally
        {
            Return(instance, request.Class);
        }
    }

    public ValueTask DisposeAsync()
    {
        foreach (var stream in _streams)
        {
            stream?.Dispose();
        }

        foreach (var instance in _free.SelectMany(instances => instances))
        {
            instance.Dispose();
        }

        _model.Dispose();
        return ValueTask.CompletedTask;
    }

    private static TensorMetadata Describe(TensorSpec spec) => spec.Container is { } container
        ? throw new ModelException(ModelError.UnsupportedType,
            $"'{spec.Name}' is a {container}; requests and answers carry tensors only")
        : new TensorMetadata(spec.Name, spec.Type, [.. spec.Shape]);

    private static InferenceOutcome Answer(HybridOutcome outcome) => outcome switch
    {
        { Status: LaunchStatus.Completed } => new InferenceOutcome(InferenceStatus.Completed,
            new HostOutputs([.. outcome.Outputs.Cast<Tensor>()])),
        { Submitted: SubmitResult.NotAdmitted } => new InferenceOutcome(InferenceStatus.NotAdmitted),
        { Submitted: SubmitResult.QueueFull } => new InferenceOutcome(InferenceStatus.QueueFull),
        { Status: LaunchStatus.Late } => new InferenceOutcome(InferenceStatus.Late),
        { Status: LaunchStatus.Cancelled } => new InferenceOutcome(InferenceStatus.Cancelled),
        { Failure: InputValueException wrong } => new InferenceOutcome(InferenceStatus.Rejected, null, wrong.Message),
        _ => new InferenceOutcome(InferenceStatus.Failed, null,
            outcome.Failure?.Message ?? $"the device answered {outcome.Submitted}"),
    };

    private HybridInstance Take(WorkClass workClass)
    {
        lock (_lock)
        {
            return _free[(int)workClass].Pop();
        }
    }

    private void Return(HybridInstance instance, WorkClass workClass)
    {
        lock (_lock)
        {
            _free[(int)workClass].Push(instance);
        }
    }

    /// <summary>One stream per priority, made when first used: real-time work has the first.</summary>
    private DeviceStream StreamFor(WorkClass workClass, int priority)
    {
        lock (_lock)
        {
            return _streams[priority] ??= _device.CreateStream(new StreamOptions
            {
                Name = $"{Metadata.Name}:{priority}",
                Class = workClass,
                Priority = priority,
                QueueCapacity = int.Max(_configuration.Instances, _configuration.OtherClassInstances),
            });
        }
    }

    /// <summary>Results in host memory, which need no instance any more.</summary>
    private sealed class HostOutputs(Tensor[] tensors) : IInferenceOutputs
    {
        public ReadOnlySpan<long> Shape(int output) => tensors[output].Shape;

        public ReadOnlySpan<byte> Data(int output) => tensors[output].Data;

        public void Dispose()
        {
        }
    }
}
