namespace Atoll;

/// <summary>
/// A user's program that sends one request per period and waits for the answer, as a camera does: a frame that is due
/// while the last is unanswered is missed. Latency is what the program sees, from sending to the whole answer.
/// </summary>
internal sealed class RealTimeClient(
    string name, InferenceClient http, IReadOnlyList<DemoRequest> requests, TimeProvider clock)
{
    private int _next;

    public string Name => name;

    /// <summary>Requests per second.</summary>
    public required double Rate { get; init; }

    /// <summary>Seconds from the start to the first request, so that clients do not all send at once.</summary>
    public double Offset { get; init; }

    /// <summary>Sends for a while and returns what came back.</summary>
    /// <exception cref="HttpRequestException">The server failed.</exception>
    public async Task<RealTimeSamples> RunAsync(double seconds, CancellationToken cancellation)
    {
        var samples = new RealTimeSamples { Client = name };
        var start = clock.GetTimestamp();
        var frames = (int)((seconds - Offset) * Rate);
        for (var frame = 0; frame < frames; frame++)
        {
            var ahead = DueAt(frame) - clock.GetElapsedTime(start).TotalSeconds;
            if (ahead > 0)
            {
                await Task.Delay(TimeSpan.FromSeconds(ahead), clock, cancellation);
            }

            await SendAsync(samples, cancellation);
            var newest = (int)((clock.GetElapsedTime(start).TotalSeconds - Offset) * Rate);
            for (; frame + 1 < newest && frame + 1 < frames; frame++)
            {
                samples.Missed++;
            }
        }

        return samples;
    }

    private double DueAt(int frame) => Offset + (frame / Rate);

    private async Task SendAsync(RealTimeSamples samples, CancellationToken cancellation)
    {
        var request = requests[_next++ % requests.Count];
        var sent = clock.GetTimestamp();
        var answer = await http.SendAsync(request.Request, cancellation);
        samples.LatenciesMs.Add(clock.GetElapsedTime(sent).TotalMilliseconds);
        samples.Changed += request.IsSame(answer) ? 0 : 1;
        if (request.Digit is not null)
        {
            samples.Drawn++;
            samples.Recognised += request.IsRecognised(answer) ? 1 : 0;
        }
    }
}

/// <summary>What one real-time client saw in one phase.</summary>
internal sealed class RealTimeSamples
{
    public required string Client { get; init; }

    public List<double> LatenciesMs { get; } = [];

    /// <summary>Frames that were not sent because an earlier one was still unanswered.</summary>
    public int Missed { get; set; }

    /// <summary>Answers that differ from the first answer to the same input.</summary>
    public int Changed { get; set; }

    /// <summary>Digits sent whose right answer is known.</summary>
    public int Drawn { get; set; }

    public int Recognised { get; set; }
}
