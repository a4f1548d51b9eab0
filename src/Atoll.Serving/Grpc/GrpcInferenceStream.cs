using Atoll.Serving.Protobuf;
using Atoll.Wire;
using Microsoft.Extensions.Logging;

namespace Atoll.Serving;

/// <summary>
/// One stream of requests. They begin in the order in which they came and answer as they end, some models more than
/// once; one that fails is answered with its reason and the stream goes on.
/// </summary>
internal sealed partial class GrpcInferenceStream(
    GrpcInferenceParts parts, GrpcResponseWriter<ModelStreamInferResponse> responses, GrpcCall call) : IDisposable
{
    /// <summary>Requests of one stream in the server; the next is not read before one has been answered.</summary>
    private const int MostAtOnce = 64;

    /// <summary>Tells whether a response is the last of its request.</summary>
    private const string FinalParameter = "triton_final_response";

    /// <summary>All that a client is told of a failure that is not its own.</summary>
    private const string Failed = "the server failed at this request; its log says more";

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
            await parts.Gate.CountedAsync(() => InferAsync(message));
        }
        catch (Exception e) when (e is RequestException or GrpcException)
        {
            // The stream goes on: this request's end is told under its own id.
            await TellAsync(message, e.Message);
        }
        catch (Exception e)
        {
            // The stream ends with it, after the other answers; whoever waits for this one is told at once.
            var fault = call.Cancellation.IsCancellationRequested ? e : Log(message, e);
            _fault ??= fault;
            await TellAsync(message, Failed);
        }
        finally
        {
            _free.Release();
        }
    }

    /// <summary>Logs it at once, since the stream may last, and answers what the stream ends with.</summary>
    private GrpcException Log(ModelInferRequest message, Exception exception)
    {
        LogFailed(parts.Logger, message.ModelName, exception);
        return new GrpcException(GrpcStatus.Internal, Failed);
    }

    private async Task InferAsync(ModelInferRequest message)
    {
        using var run = new GrpcInferenceRun(parts, message, call);
        var single = !run.Entry.IsDecoupled;
        await foreach (var outcome in run.Entry.StreamAsync(run.Request, run.Cancellation))
        {
            using var answer = run.Answer(outcome);
            answer.Message.Parameters[FinalParameter] = new InferParameter { BoolParam = single };
            await WriteAsync(new ModelStreamInferResponse { InferResponse = answer.Message });
        }

        if (!single && message.Parameters.TryGetValue(GrpcParameters.EmptyFinal, out var wanted) && wanted.BoolParam)
        {
            // Which answer is the last is known only after it, so the end is told by one without tensors.
            var end = Empty(message);
            end.Parameters[FinalParameter] = new InferParameter { BoolParam = true };
            await WriteAsync(new ModelStreamInferResponse { InferResponse = end });
        }
    }

    private async Task TellAsync(ModelInferRequest message, string error)
    {
        try
        {
            await WriteAsync(new ModelStreamInferResponse { ErrorMessage = error, InferResponse = Empty(message) });
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

    // The id tells the client which of its requests this is about.
    private static ModelInferResponse Empty(ModelInferRequest message) => new()
    {
        ModelName = message.ModelName,
        ModelVersion = message.ModelVersion,
        Id = message.Id,
    };

    [LoggerMessage(EventId = 31, Level = LogLevel.Error, Message = "A request of a stream to model {Model} failed")]
    private static partial void LogFailed(ILogger logger, string model, Exception exception);
}
