using Atoll.Devices;
using Atoll.Models;

namespace Atoll.Serving;

/// <summary>
/// A compiled model on a device: a pool of instances per class and a stream per class and priority. Requests of the two
/// classes never share an instance, so that real-time work waits for no best-effort work. Thread-safe.
/// </summary>
public sealed class DeviceModel : IServedModel
{
    private readonly Lock _lock = new();
    private readonly Device _device;
    private readonly DeviceClient _client;
    private readonly CompiledModel _model;
    private readonly ModelConfiguration _configuration;
    private readonly Stack<Lease>[] _free = [new(), new()];
    private readonly DeviceStream?[] _streams = new DeviceStream?[ModelConfiguration.MaxPriority + 1];

    private DeviceModel(
        Device device, CompiledModel model, ModelConfiguration configuration, (string Name, string Version) id)
    {
        _device = device;
        _model = model;
        _configuration = configuration;

        // A client of its own tells this model's memory apart from the others'.
        _client = device.CreateClient($"{id.Name}:{id.Version}", device.MemoryBytes);
        Metadata = new ModelMetadata
        {
            Name = id.Name,
            Version = id.Version,
            Inputs = [.. model.Inputs.Select(Describe)],
            Outputs = [.. model.Outputs.Select(Describe)],
        };
    }

    public ModelMetadata Metadata { get; }

    public long MemoryBytes => _client.MemoryInUseBytes;

    public int Slots(WorkClass workClass) => _configuration.SlotsFor(workClass);

    /// <inheritdoc/>
    public void Expect()
    {
        // Sleeping units take tens of microseconds to wake: let them do so while the request is read.
        _device.Hint(_configuration.Expectation);
    }

    /// <summary>
    /// Makes all instances of a model with fixed shapes and runs each once, so that nothing is compiled or allocated
    /// while it serves. Owns the compiled model from then on.
    /// </summary>
    /// <exception cref="DeviceException">Not enough device memory for the instances.</exception>
    /// <exception cref="ModelException">The first run failed.</exception>
    public static async Task<DeviceModel> CreateAsync(
        Device device, CompiledModel compiled, ModelConfiguration configuration, (string Name, string Version) id)
    {
        var model = new DeviceModel(device, compiled, configuration, id);
        try
        {
            foreach (var workClass in Enum.GetValues<WorkClass>())
            {
                for (var i = 0; i < configuration.SlotsFor(workClass); i++)
                {
                    var slot = new InstanceSlot(compiled, model._client);
                    model._free[(int)workClass].Push(new Lease(model, slot, workClass));
                    await model.WarmUpAsync(slot);
                }
            }

            return model;
        }
        catch
        {
            await model.DisposeAsync();
            throw;
        }
    }

    /// <inheritdoc/>
    public ValueTask<InferenceOutcome> InferAsync(InferenceRequest request, CancellationToken cancellationToken)
    {
        var lease = Take(request);
        try
        {
            var began = _device.Clock.GetTimestamp();
            lease.Slot.Fill(request.Inputs);
            lease.Filling = _device.Clock.GetElapsedTime(began);
            return lease.RunAsync(
                StreamFor(request.Class, request.Priority), request.Deadline, cancellationToken);
        }
        catch (ModelException e) when (e.Error == ModelError.InvalidShape)
        {
            Return(lease, request.Class);
            return new ValueTask<InferenceOutcome>(
                new InferenceOutcome(InferenceStatus.Rejected, null, e.Message));
        }
        catch
        {
            Return(lease, request.Class);
            throw;
        }
    }

    public ValueTask DisposeAsync()
    {
        foreach (var stream in _streams)
        {
            stream?.Dispose();
        }

        foreach (var slot in _free.SelectMany(leases => leases))
        {
            slot.Slot.Dispose();
        }

        _model.Dispose();
        return ValueTask.CompletedTask;
    }

    private static TensorMetadata Describe(TensorSpec spec) => new(spec.Name, spec.Type, [.. spec.Shape]);

    private async ValueTask WarmUpAsync(InstanceSlot slot)
    {
        if (!_model.IsStatic)
        {
            return;
        }

        slot.Prepare();
        var outcome = await slot.RunAsync(
            StreamFor(WorkClass.BestEffort, _configuration.Priority), deadline: 0, CancellationToken.None);
        await CompletionThreads.LeaveAsync();
        if (outcome.Status != InferenceStatus.Completed)
        {
            throw new ModelException(
                ModelError.InvalidGraph, $"the first run of model '{Metadata.Name}' failed: {outcome.Reason}");
        }
    }

    /// <summary>A free instance, one with the request's shapes where there is one.</summary>
    private Lease Take(InferenceRequest request)
    {
        var free = _free[(int)request.Class];
        lock (_lock)
        {
            var taken = free.Pop();
            return taken.Slot.Fits(request.Inputs) ? taken : Better(free, taken, request.Inputs);
        }
    }

    // Apart, since what a lambda closes over is allocated wherever its method begins.
    private static Lease Better(Stack<Lease> free, Lease taken, InputTensor[] inputs)
    {
        if (free.FirstOrDefault(lease => lease.Slot.Fits(inputs)) is not { } better)
        {
            return taken;
        }

        Lease[] others = [taken, .. free.Where(lease => lease != better)];
        free.Clear();
        Array.ForEach(others, free.Push);
        return better;
    }

    private void Return(Lease lease, WorkClass workClass)
    {
        lock (_lock)
        {
            _free[(int)workClass].Push(lease);
        }
    }

    /// <summary>One stream per priority, made when first used: real-time work has the first.</summary>
    private DeviceStream StreamFor(WorkClass workClass, int priority)
    {
        if (Volatile.Read(ref _streams[priority]) is { } known)
        {
            return known;
        }

        lock (_lock)
        {
            return _streams[priority] ??= _device.CreateStream(new StreamOptions
            {
                Name = $"{Metadata.Name}:{priority}",
                Client = _client,
                Class = workClass,
                Priority = priority,
                QueueCapacity = int.Max(_configuration.Instances, _configuration.OtherClassInstances),
            });
        }
    }

    /// <summary>
    /// A slot and its use by one request after another: the request has it until it fails, or its outputs are disposed.
    /// </summary>
    private sealed class Lease : IInferenceOutputs
    {
        private readonly DeviceModel _model;
        private readonly WorkClass _class;
        private readonly Func<InstanceSlot, InferenceOutcome, InferenceOutcome> _finish;
        private int _isHeld;

        public Lease(DeviceModel model, InstanceSlot slot, WorkClass workClass)
        {
            (_model, Slot, _class) = (model, slot, workClass);
            _finish = Finish;
        }

        public InstanceSlot Slot { get; }

        /// <summary>What copying the inputs took.</summary>
        public TimeSpan Filling { get; set; }

        public ValueTask<InferenceOutcome> RunAsync(
            DeviceStream stream, long deadline, CancellationToken cancellation) =>
            Slot.RunAsync(stream, deadline, cancellation, _finish);

        public ReadOnlySpan<long> Shape(int output) => Slot.Shape(output);

        public ReadOnlySpan<byte> Data(int output) => Slot.Data(output);

        public void Dispose()
        {
            if (Interlocked.Exchange(ref _isHeld, 0) == 1)
            {
                _model.Return(this, _class);
            }
        }

        private InferenceOutcome Finish(InstanceSlot slot, InferenceOutcome outcome)
        {
            outcome = outcome with { Timing = new InferenceTiming { Input = Filling } };
            _isHeld = 1;
            if (outcome.Status == InferenceStatus.Completed)
            {
                return outcome with { Outputs = this };
            }

            Dispose();
            return outcome;
        }
    }
}
