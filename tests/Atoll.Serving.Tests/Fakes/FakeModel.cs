using System.Collections.Concurrent;
using System.Runtime.InteropServices;
using Atoll.Devices;
using Atoll.Models;

namespace Atoll.Serving.Tests;

/// <summary>
/// Answers each output with the bytes of the input of the same index. When gated, a request runs until the test lets
/// one go, and the order in which requests began is noted.
/// </summary>
internal sealed class FakeModel(ModelMetadata metadata, int slots = 2) : IServedModel
{
    private readonly SemaphoreSlim _gate = new(0);
    private readonly SemaphoreSlim _begun = new(0);
    private int _outputsHeld;

    public ModelMetadata Metadata => metadata;

    public bool Gated { get; init; }

    /// <summary>Ends on a completion thread, as a device does.</summary>
    public bool EndsAsDevice { get; init; }

    /// <summary>A request began on a thread that goes on with what has ended.</summary>
    public bool BegunWhereOthersEnd { get; private set; }

    public Exception? Fault { get; set; }

    public float? OutputValue { get; set; }

    public bool Disposed { get; private set; }

    /// <summary>Outputs given out and not disposed; 0 when nothing leaks.</summary>
    public int OutputsHeld => Volatile.Read(ref _outputsHeld);

    public ConcurrentQueue<(WorkClass Class, int Priority)> Order { get; } = new();

    public ConcurrentQueue<InferenceStatus> Ended { get; } = new();

    public int Slots(WorkClass workClass) => slots;

    /// <summary>Called when a request begins to arrive.</summary>
    public Action? OnExpect { get; set; }

    public void Expect() => OnExpect?.Invoke();

    public static ModelMetadata Describe(string name, ElementType type, params long[] shape) => new()
    {
        Name = name,
        Inputs = [new TensorMetadata("x", type, shape)],
        Outputs = [new TensorMetadata("y", type, shape)],
    };

    public async ValueTask<InferenceOutcome> InferAsync(InferenceRequest request, CancellationToken cancellationToken)
    {
        Order.Enqueue((request.Class, request.Priority));
        BegunWhereOthersEnd |= CompletionThreads.IsCurrent;
        _begun.Release();
        if (Gated)
        {
            try
            {
                await _gate.WaitAsync(cancellationToken);
            }
            catch (OperationCanceledException)
            {
                Ended.Enqueue(InferenceStatus.Cancelled);
                throw;
            }
        }

        if (EndsAsDevice)
        {
            var end = new DeviceEnd();
            CompletionThreads.Of(request.Class).Post(end);
            await end.Ended;
        }

        if (Fault is not null)
        {
            throw Fault;
        }

        Ended.Enqueue(InferenceStatus.Completed);
        Interlocked.Increment(ref _outputsHeld);
        return new InferenceOutcome(InferenceStatus.Completed, new Echo(this, request.Inputs));
    }

    public void LetOneGo() => _gate.Release();

    /// <summary>Returns when one more request has begun to run.</summary>
    public Task BegunAsync() => _begun.WaitAsync(TestContext.Current.CancellationToken);

    public ValueTask DisposeAsync()
    {
        Disposed = true;
        return ValueTask.CompletedTask;
    }

    private sealed class DeviceEnd : IThreadPoolWorkItem
    {
        private readonly TaskCompletionSource _ended = new();

        public Task Ended => _ended.Task;

        public void Execute() => _ended.SetResult();
    }

    private sealed class Echo(FakeModel model, InputTensor[] inputs) : IInferenceOutputs
    {
        private readonly byte[][] _data = [.. inputs.Select(input => model.OutputValue is { } value
            ? MemoryMarshal.AsBytes<float>(new[] { value }).ToArray()
            : input.Data.ToArray())];

        public ReadOnlySpan<long> Shape(int output) => inputs[output].Shape;

        public ReadOnlySpan<byte> Data(int output) => _data[output];

        public void Dispose() => Interlocked.Decrement(ref model._outputsHeld);
    }
}
