namespace Atoll.Serving;

/// <summary>
/// The requests of a batch that go on in one model's own part: their inputs are rows that the prefix made, or inputs of
/// their own. Filled anew for every batch; allocates nothing once it has been as long.
/// </summary>
internal sealed class SuffixBatch(PrefixSuffix suffix) : ReplicaBatch
{
    private readonly List<(int Request, int Row)> _requests = [];
    private ReplicaBatch? _whole;
    private InstanceSlot? _prefix;

    public override int Count => _requests.Count;

    public void Begin(ReplicaBatch whole, InstanceSlot prefix)
    {
        _requests.Clear();
        Rows = 0;
        (_whole, _prefix, Class, Priority) = (whole, prefix, whole.Class, whole.Priority);
    }

    /// <param name="request">Position in the whole batch.</param>
    /// <param name="row">Its first row there.</param>
    public void Add(int request, int row)
    {
        _requests.Add((request, row));
        Rows += _whole!.RowsOf(request);
    }

    public override int RowsOf(int request) => _whole!.RowsOf(_requests[request].Request);

    public override int MemberOf(int request) => _whole!.MemberOf(_requests[request].Request);

    public override ReadOnlySpan<byte> Input(int request, int input)
    {
        var source = suffix.Sources[input];
        return source.IsPrefixOutput
            ? RowsMade(request, source.Index)
            : _whole!.Input(_requests[request].Request, source.Index);
    }

    public override bool Wants(int request, int output) =>
        _whole!.Wants(_requests[request].Request, suffix.Computed[output]);

    public override void SetOutput(
        int request, int output, ReadOnlySpan<long> shape, bool isBatched, ReadOnlySpan<byte> data) =>
        _whole!.SetOutput(_requests[request].Request, suffix.Computed[output], shape, isBatched, data);

    /// <summary>Hands out the outputs that the prefix itself makes.</summary>
    public void ScatterMade()
    {
        for (var place = 0; place < suffix.Made.Count; place++)
        {
            var (output, made) = suffix.Made[place];
            for (var i = 0; i < _requests.Count; i++)
            {
                if (_whole!.Wants(_requests[i].Request, output))
                {
                    _whole.SetOutput(
                        _requests[i].Request, output, _prefix!.Shape(made), isBatched: true, RowsMade(i, made));
                }
            }
        }
    }

    private ReadOnlySpan<byte> RowsMade(int request, int output)
    {
        var data = _prefix!.Data(output);
        var row = data.Length / (int)_prefix.Shape(output)[0];
        return data.Slice(_requests[request].Row * row, RowsOf(request) * row);
    }
}
