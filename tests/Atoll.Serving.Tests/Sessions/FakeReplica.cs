using System.Collections.Concurrent;

namespace Atoll.Serving.Tests;

/// <summary>
/// Gives every request its first input back as its first output. When gated, a batch runs until the test ends it.
/// </summary>
internal sealed class FakeReplica : IReplica
{
    private readonly ConcurrentQueue<TaskCompletionSource<InferenceStatus>> _running = new();

    public bool Gated { get; set; }

    /// <summary>Adds up the requests of a batch, as a model does that cannot be batched.</summary>
    public bool Mixes { get; init; }

    public Action? OnDisposed { get; init; }

    /// <summary>Called where a batch is stopped.</summary>
    public Action? OnCancelled { get; set; }

    public IReadOnlyList<int> Sizes { get; init; } = [1, 2, 4, 8];

    public long MemoryBytes { get; init; } = 100L << 20;

    /// <summary>First byte of every request, by batch.</summary>
    public ConcurrentQueue<byte[]> Batches { get; } = new();

    public int Cancelled { get; private set; }

    public bool Disposed { get; private set; }

    public Exception? Fault { get; set; }

    public void Expect()
    {
    }

    public ValueTask<InferenceOutcome> RunAsync(ReplicaBatch batch, CancellationToken cancellationToken)
    {
        if (Fault is not null)
        {
            throw Fault;
        }

        if (!Gated)
        {
            Answer(batch);
            return new(new InferenceOutcome(InferenceStatus.Completed));
        }

        Batches.Enqueue(FirstBytes(batch));
        return RunGatedAsync(batch, cancellationToken);
    }

    /// <summary>Ends the batch that runs; what waits for its requests has the answers when this returns.</summary>
    public void EndOne(InferenceStatus status = InferenceStatus.Completed)
    {
        TaskCompletionSource<InferenceStatus>? gate;
        do
        {
            Assert.True(_running.TryDequeue(out gate), "no batch runs");
        }
        while (gate.Task.IsCompleted);

        gate.SetResult(status);
    }

    public ValueTask DisposeAsync()
    {
        Disposed = true;
        OnDisposed?.Invoke();
        return ValueTask.CompletedTask;
    }

    private async ValueTask<InferenceOutcome> RunGatedAsync(ReplicaBatch batch, CancellationToken cancellation)
    {
        // Not asynchronous: the lane goes on inside EndOne, so that a test sees what comes of it.
        var gate = new TaskCompletionSource<InferenceStatus>();
        _running.Enqueue(gate);
        using var registration = cancellation.Register(() =>
        {
            Cancelled++;
            OnCancelled?.Invoke();
            gate.TrySetResult(InferenceStatus.Cancelled);
        });
        var status = await gate.Task;
        if (status == InferenceStatus.Completed)
        {
            Answer(batch);
        }

        return new InferenceOutcome(status);
    }

    // Apart, since what a lambda closes over is allocated wherever its method begins.
    private static byte[] FirstBytes(ReplicaBatch batch) =>
        [.. Enumerable.Range(0, batch.Count).Select(i => batch.Input(i, 0)[0])];

    private void Answer(ReplicaBatch batch)
    {
        if (Mixes)
        {
            for (var i = 0; i < batch.Count; i++)
            {
                batch.SetOutput(i, 0, [batch.RowsOf(i), 1], true, BitConverter.GetBytes((float)batch.Count));
            }

            return;
        }

        for (var i = 0; i < batch.Count; i++)
        {
            batch.SetOutput(i, 0, [batch.RowsOf(i), 1], true, batch.Input(i, 0));
        }
    }
}
