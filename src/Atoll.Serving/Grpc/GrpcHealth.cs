using Atoll.Serving.Protobuf;
using Atoll.Wire;

namespace Atoll.Serving;

/// <summary>
/// The standard health service: the server as a whole (service <c>""</c>) and its inference service serve when models
/// have loaded and until it drains.
/// </summary>
internal sealed class GrpcHealth(Readiness readiness)
{
    public void Register(GrpcServices services) => services
        .Unary(InferenceMethods.HealthCheck, CheckAsync)
        .ServerStreaming(InferenceMethods.HealthWatch, WatchAsync);

    private Task<HealthCheckResponse> CheckAsync(HealthCheckRequest request, GrpcCall call) => IsKnown(request.Service)
        ? Task.FromResult(Response(readiness.IsReady))
        : throw new GrpcException(GrpcStatus.NotFound, $"there is no service '{request.Service}'");

    /// <summary>Tells the state now and at each change, until the client leaves.</summary>
    private async Task WatchAsync(
        HealthCheckRequest request, GrpcResponseWriter<HealthCheckResponse> responses, GrpcCall call)
    {
        if (!IsKnown(request.Service))
        {
            // The service may come later; here it never does, but the client is to wait all the same.
            await responses.WriteAsync(
                new HealthCheckResponse { Status = HealthCheckResponse.Types.ServingStatus.ServiceUnknown });
            await new TaskCompletionSource().Task.WaitAsync(call.Cancellation);
        }

        while (true)
        {
            var (isReady, changed) = readiness.Current;
            await responses.WriteAsync(Response(isReady));
            await changed.WaitAsync(call.Cancellation);
        }
    }

    private static bool IsKnown(string service) => service is "" or InferenceMethods.Service;

    private static HealthCheckResponse Response(bool isReady) => new()
    {
        Status = isReady
            ? HealthCheckResponse.Types.ServingStatus.Serving
            : HealthCheckResponse.Types.ServingStatus.NotServing,
    };
}
