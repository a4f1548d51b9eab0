using Atoll.Wire;

namespace Atoll.Serving;

/// <summary>
/// What every call passes: the bound on requests in the server, its client's token, and the same reasons as over HTTP
/// when it is refused.
/// </summary>
internal sealed class GrpcGate(AccessControl access, InFlightRequests requests)
{
    // As over HTTP, anyone may ask whether the server lives.
    private static readonly HashSet<string> Public =
    [
        InferenceMethods.ServerLive.Path, InferenceMethods.ServerReady.Path, InferenceMethods.HealthCheck.Path,
        InferenceMethods.HealthWatch.Path,
    ];

    // A stream may last; what it asks for is counted one by one, and a watcher is none of those that shutdown awaits.
    private static readonly HashSet<string> Streams =
        [InferenceMethods.ModelStreamInfer.Path, InferenceMethods.HealthWatch.Path];

    public async Task RunAsync(GrpcCall call, Func<Task> next)
    {
        try
        {
            if (!Public.Contains(call.Path))
            {
                _ = TokenOf(call);
            }

            await (Streams.Contains(call.Path) ? next() : CountedAsync(next));
        }
        catch (RequestException e)
        {
            throw new GrpcException(StatusOf(e.StatusCode), e.Message);
        }
    }

    /// <exception cref="RequestException">The call shows no known token, and one is needed.</exception>
    public AccessToken TokenOf(GrpcCall call) => access.Identify(call.Headers["authorization"])
        ?? throw new RequestException(401,
            "a known token is needed: metadata authorization: Bearer TOKEN (setting serving.tokens)");

    /// <summary>Runs one request within the bound on requests in the server.</summary>
    /// <exception cref="RequestException">The server is full or shuts down.</exception>
    public async Task CountedAsync(Func<Task> run)
    {
        if (requests.TryEnter() is { } refusal)
        {
            throw new RequestException(503, refusal);
        }

        try
        {
            await run();
        }
        finally
        {
            requests.Leave();
        }
    }

    private static GrpcStatus StatusOf(int httpStatus) => httpStatus switch
    {
        401 => GrpcStatus.Unauthenticated,
        403 => GrpcStatus.PermissionDenied,
        404 => GrpcStatus.NotFound,
        409 => GrpcStatus.AlreadyExists,
        413 or 429 => GrpcStatus.ResourceExhausted,
        500 => GrpcStatus.Internal,
        501 => GrpcStatus.Unimplemented,
        503 => GrpcStatus.Unavailable,
        _ => GrpcStatus.InvalidArgument,
    };
}
