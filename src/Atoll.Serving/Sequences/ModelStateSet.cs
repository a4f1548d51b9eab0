namespace Atoll.Serving;

/// <summary>
/// The state tensors of one sequence or iteration, in the order of the model's configuration. Used by one request at a
/// time.
/// </summary>
internal sealed class ModelStateSet(IReadOnlyList<InputTensor> initial)
{
    private readonly InputTensor[] _tensors = [.. initial];

    public InputTensor this[int index] => _tensors[index];

    public void Reset()
    {
        for (var i = 0; i < _tensors.Length; i++)
        {
            _tensors[i] = initial[i];
        }
    }

    /// <summary>Keeps a copy: outputs are given back after the request.</summary>
    public void Set(int index, ReadOnlySpan<long> shape, ReadOnlySpan<byte> data)
    {
        // A request that ran before may still hold the old bytes, so they are never written over.
        var before = _tensors[index];
        _tensors[index] = new InputTensor(
            shape.SequenceEqual(before.Shape) ? before.Shape : shape.ToArray(), data.ToArray());
    }
}
