using Atoll.Models;

namespace Atoll.Serving;

/// <summary>A model on a simulated device: a batch ends after the time of the profile, with zeros.</summary>
/// <param name="outputs">Of each model that shares the replica.</param>
/// <param name="onDisposed">Gives the memory back.</param>
internal sealed class SimulatedReplica(
    BatchProfile profile, IReadOnlyList<TensorSpec>[] outputs, TimeProvider clock, Action onDisposed) : IReplica
{
    private byte[] _zeros = [];

    public IReadOnlyList<int> Sizes { get; } = [.. profile.Points.Select(point => point.Batch)];

    public long MemoryBytes => profile.Points[0].MemoryBytes;

    public BatchProfile Profile => profile;

    public void Expect()
    {
    }

    public async ValueTask<InferenceOutcome> RunAsync(ReplicaBatch batch, CancellationToken cancellationToken)
    {
        try
        {
            await Task.Delay(profile.Latency(profile.Fit(batch.Rows)), clock, cancellationToken).ConfigureAwait(false);
        }
        catch (OperationCanceledException)
        {
            return new InferenceOutcome(InferenceStatus.Cancelled);
        }

        for (var request = 0; request < batch.Count; request++)
        {
            var specs = outputs[batch.MemberOf(request)];
            for (var output = 0; output < specs.Count; output++)
            {
                if (batch.Wants(request, output))
                {
                    Answer(batch, request, output, specs[output]);
                }
            }
        }

        return new InferenceOutcome(InferenceStatus.Completed);
    }

    public ValueTask DisposeAsync()
    {
        onDisposed();
        return ValueTask.CompletedTask;
    }

    private void Answer(ReplicaBatch batch, int request, int output, TensorSpec spec)
    {
        long[] shape = [.. spec.Shape];
        var isBatched = shape is [< 0, ..];
        if (isBatched)
        {
            shape[0] = batch.RowsOf(request);
        }

        var bytes = checked((int)shape.Aggregate((long)spec.Type.SizeInBytes(), (size, dimension) => size * dimension));
        var zeros = _zeros;
        if (zeros.Length < bytes)
        {
            _zeros = zeros = new byte[bytes];
        }

        batch.SetOutput(request, output, shape, isBatched, zeros.AsSpan(0, bytes));
    }
}
