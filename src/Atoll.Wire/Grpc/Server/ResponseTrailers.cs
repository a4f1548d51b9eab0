using System.Globalization;
using Microsoft.AspNetCore.Http;

namespace Atoll.Wire;

/// <summary>Writes the end of an answer: trailers, or headers where nothing was sent before them.</summary>
internal static class ResponseTrailers
{
    public static void Append(HttpContext context, string name, string value)
    {
        if (context.Response.HasStarted)
        {
            context.Response.AppendTrailer(name, value);
        }
        else
        {
            context.Response.Headers.Append(name, value);
        }
    }

    public static void End(HttpContext context, GrpcStatus status, string message)
    {
        if (!context.Response.HasStarted)
        {
            context.Response.ContentType = GrpcHeaders.ContentType;
        }

        Append(context, GrpcHeaders.Status, ((int)status).ToString(CultureInfo.InvariantCulture));
        if (message.Length > 0)
        {
            Append(context, GrpcHeaders.Message, PercentEncoding.Encode(message));
        }
    }
}
