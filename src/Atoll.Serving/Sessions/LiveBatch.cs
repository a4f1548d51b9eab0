namespace Atoll.Serving;

/// <summary>The requests of one or several sessions that a lane runs. Filled anew for every batch.</summary>
internal sealed class LiveBatch : ReplicaBatch
{
    private readonly List<LiveRequest> _requests = [];
    private int[] _rows = new int[1];
    private bool[] _counted = new bool[1];
    private int _staying;

    public override int Count => _requests.Count;

    public List<LiveRequest> Requests => _requests;

    /// <summary>Nobody waits any more for what runs.</summary>
    public bool HaveAllLeft => Volatile.Read(ref _staying) == 0;

    public override int RowsOf(int request) => _requests[request].Rows;

    public override int MemberOf(int request) => _requests[request].Member;

    public override ReadOnlySpan<byte> Input(int request, int input) => _requests[request].Inputs[input].Data.Span;

    public override bool Wants(int request, int output) => _requests[request].Wants(output);

    public override void SetOutput(
        int request, int output, ReadOnlySpan<long> shape, bool isBatched, ReadOnlySpan<byte> data) =>
        _requests[request].SetOutput(output, shape, isBatched, data);

    /// <summary>Rows of the requests that are for one of the models.</summary>
    public int RowsFor(int member) => member < _rows.Length ? _rows[member] : 0;

    /// <summary>True for one answer of each model in the batch: its statistics count the batch with that one.</summary>
    public bool TryCount(int member) => !_counted[member] && (_counted[member] = true);

    /// <summary>A client left; true when it was the last.</summary>
    public bool Leave() => Interlocked.Decrement(ref _staying) == 0;

    public void Clear()
    {
        _requests.Clear();
        Array.Clear(_rows);
        Array.Clear(_counted);
        Rows = _staying = 0;
    }

    public void Add(LiveRequest request)
    {
        if (request.Member >= _rows.Length)
        {
            Array.Resize(ref _rows, request.Member + 1);
            Array.Resize(ref _counted, request.Member + 1);
        }

        _requests.Add(request);
        _rows[request.Member] += request.Rows;
        Rows += request.Rows;
        Interlocked.Increment(ref _staying);
    }
}
