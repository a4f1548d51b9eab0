using Atoll.Serving.Protobuf;
using Atoll.Wire;

namespace Atoll.Serving;

/// <summary>
/// One stream of requests. They begin in the order in which they came and answer as they end; one that fails is
/// answered with its reason and the stream goes on.
/// </summary>
internal sealed class GrpcInferenceStream(
    GrpcInference inference, GrpcGate gate, GrpcResponseWriter<ModelStreamInferResponse> responses, GrpcCall call,
    TimeProvider clock) : IDisposable
{
    /// <summary>Requests of one stream in the server; the next is not read before one has been answered.</summary>
    private const int MostAtOnce = 64;

    private readonly SemaphoreSlim _free = new(MostAtOnce);
    private readonly SemaphoreSlim _writing = new(1);
    private Exception? _fault;

    public async Task RunAsync(IAsyncEnumerable<ModelInferRequest> requests)
    {
        try
        {
            await foreach (var message in requests)
            {
                await _free.WaitAsync(call.Cancellation);
                _ = AnswerAsync(message);
            }
        }
        finally
        {
            // Whatever ended the stream, nothing of it runs on behind its back.
            for (var i = 0; i < MostAtOnce; i++)
            {
                await _free.WaitAsync(CancellationToken.None);
            }
        }

        if (_fault is not null)
        {
            throw _fault;
        }
    }

    public void Dispose()
    {
        _free.Dispose();
        _writing.Dispose();
    }

    private async Task AnswerAsync(ModelInferRequest message)
    {
        try
        {
            await gate.CountedAsync(() => InferAsync(message));
        }
        catch (RequestException e)
        {
            await TryAsync(() => WriteAsync(Failure(message, e.Message)));
        }
        catch (Exception e)
        {
            _fault ??= e;
        }
        finally
        {
            _free.Release();
        }
    }

    private async Task InferAsync(ModelInferRequest message)
    {
        using var answer = await inference.InferAsync(message, call, clock.GetTimestamp());
        await WriteAsync(new ModelStreamInferResponse { InferResponse = answer.Message });
    }

    private async Task TryAsync(Func<Task> run)
    {
        try
        {
            await run();
        }
        catch (Exception e)
        {
            _fault ??= e;
        }
    }

    private async Task WriteAsync(ModelStreamInferResponse response)
    {
        await _writing.WaitAsync(call.Cancellation);
        try
        {
            await responses.WriteAsync(response);
        }
        finally
        {
            _writing.Release();
        }
    }

    // The id tells the client which of its requests failed.
    private static ModelStreamInferResponse Failure(ModelInferRequest message, string reason) => new()
    {
        ErrorMessage = reason,
        InferResponse = new ModelInferResponse { ModelName = message.ModelName, Id = message.Id },
    };
}
