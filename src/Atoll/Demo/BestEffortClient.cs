namespace Atoll;

/// <summary>
/// A user's program that sends its next request the moment the last is answered, over one connection.
/// </summary>
internal sealed class BestEffortClient(string model, InferenceClient http, DemoRequest request)
{
    private int _answered;
    private int _changed;
    private volatile bool _stops;

    public string Model => model;

    /// <summary>Requests answered so far.</summary>
    public int Answered => Volatile.Read(ref _answered);

    /// <summary>Answers that differ from the first one.</summary>
    public int Changed => Volatile.Read(ref _changed);

    /// <summary>Sends until <see cref="Stop"/>; the request in flight is answered first.</summary>
    /// <exception cref="HttpRequestException">The server failed.</exception>
    public async Task RunAsync(CancellationToken cancellation)
    {
        _stops = false;
        while (!_stops)
        {
            var answer = await http.SendAsync(request.Request, cancellation);
            Interlocked.Add(ref _changed, request.IsSame(answer) ? 0 : 1);
            Interlocked.Increment(ref _answered);
        }
    }

    public void Stop() => _stops = true;
}
