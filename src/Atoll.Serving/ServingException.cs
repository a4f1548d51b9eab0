namespace Atoll.Serving;

/// <summary>What the server could not do with its environment or settings.</summary>
public enum ServingError
{
    InvalidSetting,
    AddressInUse,
    AddressUnavailable,
    TokenRequired,
    RepositoryUnreadable,
    InvalidPlan,
    ModelNotServable,
}

/// <summary>The server could not start or load; the message says what, where, limit and setting.</summary>
public sealed class ServingException(ServingError error, string message, Exception? inner = null)
    : Exception(message, inner)
{
    public ServingError Error { get; } = error;
}

/// <summary>A request is answered with this HTTP status and reason instead of a result.</summary>
internal sealed class RequestException(int statusCode, string message) : Exception(message)
{
    public int StatusCode { get; } = statusCode;

    public static RequestException BadRequest(string message) => new(400, message);
}
