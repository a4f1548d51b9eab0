namespace Atoll.Serving;

/// <summary>
/// The answers of one request to an iterated model so far. Each answer is a copy, so that no instance is held while it
/// waits to be sent; the next request's iteration may run in between.
/// </summary>
internal sealed class IteratedRun(ModelEntry entry, BoundModel model, TimeProvider clock)
{
    private RequestTimes _sum;

    public long Arrived { get; } = clock.GetTimestamp();

    public int Count { get; private set; }

    /// <summary>The next answer, after the delay that the model asks for, and whether another follows.</summary>
    public async ValueTask<(InferenceOutcome Outcome, bool Continues)> NextAsync(
        ModelExecution execution, InferenceRequest request, CancellationToken cancellation)
    {
        var began = clock.GetTimestamp();
        var (outcome, queued) = await execution.RunAsync(request, cancellation);
        if (outcome.Outputs is not { } outputs)
        {
            entry.Statistics.AddResponse(Count, clock.GetElapsedTime(began), null);
            return (outcome, false);
        }

        var ran = clock.GetElapsedTime(began);
        bool continues;
        TimeSpan delay;
        CopiedOutputs copy;
        try
        {
            (continues, delay) = model.ReadSignals(outputs);
            copy = new CopiedOutputs(outputs, model.Metadata.Outputs.Length);
        }
        finally
        {
            outputs.Dispose();
            entry.Queue(request.Class).Leave();
        }

        CountAnswer(outcome.Timing, queued, ran, clock.GetElapsedTime(began) - ran);
        try
        {
            await (delay > TimeSpan.Zero ? Task.Delay(delay, clock, cancellation) : Task.CompletedTask);
        }
        catch (OperationCanceledException)
        {
            return (execution.GivenUp(request), false);
        }

        return (outcome with { Outputs = Classification.Apply(entry, request, copy) }, continues);
    }

    /// <summary>Counts the request once its last answer is taken; one that failed is counted as such already.</summary>
    public void CountRequest(InferenceRequest request)
    {
        entry.Statistics.AddRequest(1, _sum);
        entry.Metrics.Of(request.Class).Add(InferenceStatus.Completed, _sum.Queue, clock.GetElapsedTime(Arrived));
    }

    private void CountAnswer(in InferenceTiming timing, TimeSpan queued, TimeSpan ran, TimeSpan output)
    {
        queued += timing.Queued;
        var times = new RequestTimes(queued, timing.Input, ran - queued - timing.Input, output);
        entry.Statistics.AddExecution(timing, 1, times);
        entry.Statistics.AddResponse(Count++, times.Infer, output);
        _sum = new RequestTimes(
            _sum.Queue + times.Queue, _sum.Input + times.Input, _sum.Infer + times.Infer, _sum.Output + times.Output);
    }

    private sealed class CopiedOutputs(IInferenceOutputs outputs, int count) : IInferenceOutputs
    {
        private readonly (long[] Shape, byte[] Data)[] _tensors = [.. Enumerable.Range(0, count)
            .Select(i => (outputs.Shape(i).ToArray(), outputs.Data(i).ToArray()))];

        public ReadOnlySpan<long> Shape(int output) => _tensors[output].Shape;

        public ReadOnlySpan<byte> Data(int output) => _tensors[output].Data;

        public void Dispose()
        {
        }
    }
}
