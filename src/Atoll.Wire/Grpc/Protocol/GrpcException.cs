namespace Atoll.Wire;

/// <summary>
/// A call that did not end with <see cref="GrpcStatus.Ok"/>. A handler throws it to answer with that status; a client
/// gets it with what the server sent.
/// </summary>
public sealed class GrpcException(GrpcStatus status, string message, Exception? inner = null)
    : Exception(message, inner)
{
    public GrpcStatus Status { get; } = status;

    /// <summary>What came, or is to be sent, beside the status.</summary>
    public GrpcMetadata Trailers { get; init; } = [];
}
