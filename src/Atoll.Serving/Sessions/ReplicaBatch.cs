using Atoll.Devices;

namespace Atoll.Serving;

/// <summary>Requests that run together on a replica. Not thread-safe.</summary>
public abstract class ReplicaBatch
{
    private protected ReplicaBatch()
    {
    }

    /// <summary>Requests in the batch.</summary>
    public abstract int Count { get; }

    /// <summary>Rows of all requests together: what the program's first dimension must hold.</summary>
    public int Rows { get; private protected set; }

    public WorkClass Class { get; internal set; }

    /// <summary>Order within the class, as in <see cref="InferenceRequest.Priority"/>.</summary>
    public int Priority { get; internal set; }

    /// <summary>Rows of one request.</summary>
    public abstract int RowsOf(int request);

    /// <summary>Which of the models that share the replica a request is for; 0 where it has one model.</summary>
    public abstract int MemberOf(int request);

    /// <summary>An input of one request, row-major, its rows first.</summary>
    public abstract ReadOnlySpan<byte> Input(int request, int input);

    /// <summary>Whether the client of this request wants the output.</summary>
    public abstract bool Wants(int request, int output);

    /// <summary>Hands a request its rows of an output; copied.</summary>
    /// <param name="shape">Shape of the program's output.</param>
    /// <param name="isBatched">The first dimension counts rows, and is replaced by the request's own.</param>
    public abstract void SetOutput(
        int request, int output, ReadOnlySpan<long> shape, bool isBatched, ReadOnlySpan<byte> data);
}
