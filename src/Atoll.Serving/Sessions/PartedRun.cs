namespace Atoll.Serving;

/// <summary>
/// Runs one request of more rows than a replica's largest program holds, one part after another, and puts the outputs
/// together. Used again and again by one lane.
/// </summary>
internal sealed class PartedRun : ReplicaBatch
{
    private LiveRequest? _request;
    private int _row;

    public override int Count => 1;

    /// <summary>Ends with the first part that does not complete.</summary>
    /// <param name="replica">What runs the parts.</param>
    /// <param name="batch">The one request.</param>
    /// <param name="most">Rows of a part.</param>
    /// <param name="cancellation">Stops what runs, and the parts after it.</param>
    public async ValueTask<InferenceOutcome> RunAsync(
        IReplica replica, LiveBatch batch, int most, CancellationToken cancellation)
    {
        (_request, Class, Priority) = (batch.Requests[0], batch.Class, batch.Priority);
        var outcome = new InferenceOutcome(InferenceStatus.Completed);
        for (_row = 0; _row < batch.Rows && outcome.Status == InferenceStatus.Completed; _row += most)
        {
            Rows = Math.Min(most, batch.Rows - _row);
            outcome = await replica.RunAsync(this, cancellation);
        }

        return outcome;
    }

    public override int RowsOf(int request) => Rows;

    public override int MemberOf(int request) => _request!.Member;

    public override ReadOnlySpan<byte> Input(int request, int input)
    {
        var data = _request!.Inputs[input].Data.Span;
        var row = data.Length / _request.Rows;
        return data.Slice(_row * row, Rows * row);
    }

    public override bool Wants(int request, int output) => _request!.Wants(output);

    public override void SetOutput(
        int request, int output, ReadOnlySpan<long> shape, bool isBatched, ReadOnlySpan<byte> data) =>
        _request!.SetRows(output, shape, (_row, Rows), data);
}
