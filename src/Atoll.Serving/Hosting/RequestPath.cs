namespace Atoll.Serving;

/// <summary>Splits a raw request target into percent-decoded segments, so that %2F stays within its segment.</summary>
internal static class RequestPath
{
    private const int MaxSegments = 16;

    /// <exception cref="RequestException">Too many segments.</exception>
    public static string[] Segments(string rawTarget)
    {
        var path = rawTarget;
        if (!path.StartsWith('/') && Uri.TryCreate(path, UriKind.Absolute, out var absolute))
        {
            path = absolute.AbsolutePath;
        }

        var query = path.IndexOfAny(['?', '#']);
        path = query < 0 ? path : path[..query];
        var segments = path.Split('/', StringSplitOptions.RemoveEmptyEntries);
        return segments.Length <= MaxSegments
            ? Array.ConvertAll(segments, Uri.UnescapeDataString)
            : throw new RequestException(404, $"the path has more than {MaxSegments} segments");
    }
}
