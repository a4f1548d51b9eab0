using Atoll.Devices;

namespace Atoll.Serving;

/// <summary>
/// The requests that run together on a replica. Filled anew for every batch by the lane that owns it. Not thread-safe.
/// </summary>
public sealed class ReplicaBatch
{
    private readonly List<LiveRequest> _requests = [];

    internal ReplicaBatch()
    {
    }

    /// <summary>Requests in the batch.</summary>
    public int Count => _requests.Count;

    /// <summary>Rows of all requests together: what the program's first dimension must hold.</summary>
    public int Rows { get; private set; }

    public WorkClass Class { get; internal set; }

    /// <summary>Order within the class, as in <see cref="InferenceRequest.Priority"/>.</summary>
    public int Priority { get; internal set; }

    internal List<LiveRequest> Requests => _requests;

    /// <summary>Requests whose clients still wait; guarded by the lock of their session.</summary>
    internal int Staying { get; set; }

    /// <summary>Rows of one request.</summary>
    public int RowsOf(int request) => _requests[request].Rows;

    /// <summary>An input of one request, row-major, its rows first.</summary>
    public ReadOnlySpan<byte> Input(int request, int input) => _requests[request].Inputs[input].Data.Span;

    /// <summary>Whether the client of this request wants the output.</summary>
    public bool Wants(int request, int output) => _requests[request].Wants(output);

    /// <summary>Hands a request its rows of an output; copied.</summary>
    /// <param name="shape">Shape of the program's output.</param>
    /// <param name="isBatched">The first dimension counts rows, and is replaced by the request's own.</param>
    public void SetOutput(
        int request, int output, ReadOnlySpan<long> shape, bool isBatched, ReadOnlySpan<byte> data) =>
        _requests[request].SetOutput(output, shape, isBatched, data);

    internal void Clear()
    {
        _requests.Clear();
        Rows = Staying = 0;
    }

    internal void Add(LiveRequest request)
    {
        _requests.Add(request);
        Rows += request.Rows;
        Staying++;
    }
}
