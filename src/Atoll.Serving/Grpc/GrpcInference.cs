using Atoll.Serving.Protobuf;
using Atoll.Wire;

namespace Atoll.Serving;

/// <summary>The calls that infer: one request, or a stream of requests of which many run at once.</summary>
internal sealed class GrpcInference(ModelRepository repository, GrpcGate gate, TimeProvider clock)
{
    public void Register(GrpcServices services) => services
        .Unary(InferenceMethods.ModelInfer, InferAsync)
        .DuplexStreaming(InferenceMethods.ModelStreamInfer, async (requests, responses, call) =>
        {
            using var stream = new GrpcInferenceStream(this, gate, responses, call, clock);
            await stream.RunAsync(requests);
        });

    /// <summary>Runs one request. The answer's tensors live in memory that is the caller's to dispose.</summary>
    /// <exception cref="RequestException">The request is wrong, or was not completed.</exception>
    public async Task<InferAnswer> InferAsync(ModelInferRequest message, GrpcCall call, long arrived)
    {
        using var use = repository.Use(
            message.ModelName, GrpcModelInformation.VersionOf(message.ModelVersion));
        var entry = use.Entry;
        var metadata = entry.Model!.Metadata;
        entry.Model.Expect();
        using var request = InferMessageReader.Read(metadata, message, out var parameters);
        RequestScheduling.Classify(request, parameters, entry, gate.TokenOf(call));

        var left = call.Timeout - clock.GetElapsedTime(call.Arrived, arrived);
        var timeout = parameters.Timeout is { } asked && !(left < asked) ? asked : left;
        using var deadline = RequestScheduling.SetDeadline(request, timeout, arrived, clock);
        using var cancellation = CancellationTokenSource.CreateLinkedTokenSource(
            call.Cancellation, deadline?.Token ?? CancellationToken.None);
        var outcome = await entry.InferAsync(request, cancellation.Token);
        if (outcome.Status == InferenceStatus.Completed)
        {
            using (outcome.Outputs)
            {
                return InferAnswer.Write(metadata, request, outcome.Outputs!);
            }
        }

        var byCall = timeout == left && left is not null;
        throw outcome.Status switch
        {
            InferenceStatus.Cancelled when call.Cancellation.IsCancellationRequested =>
                new OperationCanceledException(call.Cancellation),
            InferenceStatus.Late or InferenceStatus.NotAdmitted when byCall => new GrpcException(
                GrpcStatus.DeadlineExceeded, Refusal.Of(entry, request, outcome).Message),
            _ => Refusal.Of(entry, request, outcome),
        };
    }

    private async Task<ModelInferResponse> InferAsync(ModelInferRequest message, GrpcCall call) =>
        call.Own(await InferAsync(message, call, call.Arrived)).Message;
}
