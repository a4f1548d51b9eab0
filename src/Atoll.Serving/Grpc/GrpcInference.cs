using Atoll.Serving.Protobuf;
using Atoll.Wire;
using Microsoft.Extensions.Logging;

namespace Atoll.Serving;

/// <summary>What the calls that infer work on.</summary>
internal sealed record GrpcInferenceParts(
    ModelRepository Repository, SharedMemoryEndpoints SharedMemory, GrpcGate Gate, TimeProvider Clock)
{
    /// <summary>Gets what clients are not told.</summary>
    public required ILogger Logger { get; init; }
}

/// <summary>The calls that infer: one request, or a stream of requests of which many run at once.</summary>
internal sealed class GrpcInference(GrpcInferenceParts parts)
{
    public void Register(GrpcServices services) => services
        .Unary(InferenceMethods.ModelInfer, InferAsync)
        .DuplexStreaming(InferenceMethods.ModelStreamInfer, async (requests, responses, call) =>
        {
            using var stream = new GrpcInferenceStream(parts, responses, call);
            await stream.RunAsync(requests);
        });

    private async Task<ModelInferResponse> InferAsync(ModelInferRequest message, GrpcCall call)
    {
        using var run = new GrpcInferenceRun(parts, message, call);
        var outcome = await run.Entry.InferAsync(run.Request, run.Cancellation);
        return call.Own(run.Answer(outcome)).Message;
    }
}
