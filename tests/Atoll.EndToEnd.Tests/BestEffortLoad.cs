using System.Net;

namespace Atoll.EndToEnd.Tests;

/// <summary>Clients that each send the next best-effort request as soon as the last is answered.</summary>
internal sealed class BestEffortLoad : IAsyncDisposable
{
    private readonly HttpClient _http;
    private readonly CancellationTokenSource _stop = new();
    private readonly Task[] _clients;
    private int _answered;

    public BestEffortLoad(Uri server, string model, int inputBytes, int clients)
    {
        _http = new HttpClient { BaseAddress = server };
        _clients = [.. Enumerable.Range(0, clients).Select(_ => RunAsync(model, new byte[inputBytes]))];
    }

    public int Answered => Volatile.Read(ref _answered);

    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        await Task.WhenAll(_clients);
        _http.Dispose();
        _stop.Dispose();
    }

    private async Task RunAsync(string model, byte[] input)
    {
        try
        {
            while (!_stop.IsCancellationRequested)
            {
                using var content = new ByteArrayContent(input);
                content.Headers.Add("Inference-Header-Content-Length", "0");
                using var response = await _http.PostAsync($"/v2/models/{model}/infer", content, _stop.Token);
                Assert.Equal(HttpStatusCode.OK, response.StatusCode);
                Interlocked.Increment(ref _answered);
            }
        }
        catch (OperationCanceledException) when (_stop.IsCancellationRequested)
        {
            // Stopped while a request was on its way.
        }
    }
}
