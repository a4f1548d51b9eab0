using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Server.Kestrel.Core.Features;
using Microsoft.Extensions.Logging;

namespace Atoll.Wire;

/// <summary>
/// Answers one HTTP/2 request as a call: checks what it is, finds its method, runs it under its deadline, and ends it
/// with a status whatever happens.
/// </summary>
internal sealed partial class GrpcDispatcher(GrpcServices services, GrpcHostOptions options, ILogger logger)
{
    public async Task HandleAsync(HttpContext context, CancellationToken stopping)
    {
        if (!HttpMethods.IsPost(context.Request.Method))
        {
            context.Response.StatusCode = StatusCodes.Status405MethodNotAllowed;
            context.Response.Headers.Allow = HttpMethods.Post;
            return;
        }

        if (!GrpcHeaders.IsGrpc(context.Request.ContentType))
        {
            context.Response.StatusCode = StatusCodes.Status415UnsupportedMediaType;
            ResponseTrailers.Append(context, "accept", GrpcHeaders.ContentType);
            return;
        }

        GrpcHandler handler;
        GrpcCallHead head;
        try
        {
            handler = services.Find(context.Request.Path.Value!) ?? throw new GrpcException(
                GrpcStatus.Unimplemented, services.Missing(context.Request.Path.Value!));
            head = GrpcCallHead.Read(context.Request, options.Clock.GetTimestamp());
        }
        catch (GrpcException e)
        {
            context.Response.Headers[GrpcHeaders.AcceptEncoding] = MessageEncoding.Accepted;
            ResponseTrailers.End(context, e.Status, e.Message);
            options.OnEnded?.Invoke(e.Status);
            return;
        }

        await RunAsync(context, handler, head, stopping);
    }

    private async Task RunAsync(
        HttpContext context, GrpcHandler handler, GrpcCallHead head, CancellationToken stopping)
    {
        if (handler.Kind is GrpcMethodKind.ClientStreaming or GrpcMethodKind.DuplexStreaming &&
            context.Features.Get<IHttpMinRequestBodyDataRateFeature>() is { } rate)
        {
            // Messages of a stream may be far apart.
            rate.MinDataRate = null;
        }

        using var deadline = head.Timeout is { } timeout ? GrpcTimeout.Start(timeout, options.Clock) : null;
        using var either = CancellationTokenSource.CreateLinkedTokenSource(
            context.RequestAborted, stopping, deadline?.Token ?? CancellationToken.None);
        var frames = new FrameReader(context.Request.BodyReader, new FrameRules(
            head.Encoding, options.MaxMessageBytes, options.MaxMessageSetting));
        var call = new GrpcCall(context, head, frames, either.Token);
        try
        {
            await (options.Interceptor is { } interceptor
                ? interceptor(call, () => handler.RunAsync(call))
                : handler.RunAsync(call));
            await call.EndAsync(GrpcStatus.Ok, "");
            options.OnEnded?.Invoke(GrpcStatus.Ok);
        }
        catch (Exception e)
        {
            await FailAsync(context, call, e, deadline?.IsCancellationRequested == true);
        }
        finally
        {
            call.DisposeOwned();
        }
    }

    private async Task FailAsync(HttpContext context, GrpcCall call, Exception exception, bool late)
    {
        if (context.RequestAborted.IsCancellationRequested)
        {
            // Nobody is there to read a status.
            context.Abort();
            options.OnEnded?.Invoke(GrpcStatus.Cancelled);
            return;
        }

        var failure = Describe(call, exception, late);
        options.OnEnded?.Invoke(failure.Status);
        await call.EndAsync(failure.Status, failure.Message, failure.Trailers);
    }

    private GrpcException Describe(GrpcCall call, Exception exception, bool late)
    {
        switch (exception)
        {
            case OperationCanceledException when late:
                return new(GrpcStatus.DeadlineExceeded, $"the deadline of {call.Path} passed after {call.Timeout}");
            case GrpcException known:
                return known;
            case OperationCanceledException when call.Cancellation.IsCancellationRequested:
                return new(GrpcStatus.Unavailable, "the server is shutting down");
            case Microsoft.AspNetCore.Http.BadHttpRequestException e:
                return new(GrpcStatus.Internal, $"the request could not be read: {e.Message}");
            case ConnectionResetException or IOException:
                return new(GrpcStatus.Cancelled, "the connection broke");
            default:
                LogFailed(call.Path, exception);
                return new(GrpcStatus.Internal, "the server failed at this call; its log says more");
        }
    }

    [LoggerMessage(EventId = 30, Level = LogLevel.Error, Message = "Call {Path} failed")]
    private partial void LogFailed(string path, Exception exception);
}
