namespace Atoll.Models;

/// <summary>Tensors of one shape, one per iteration, that become one tensor with a new axis.</summary>
internal sealed class StackedTensors
{
    private readonly List<Tensor> _parts = [];
    private long _bytes;

    public void Add(OperatorCall call, ModelValue value)
    {
        var part = value as Tensor ??
            throw call.Fail(ModelError.UnsupportedType, "a subgraph stacks what is no tensor");
        if (_parts.Count > 0 && (part.Type != _parts[0].Type || !part.Shape.AsSpan().SequenceEqual(_parts[0].Shape)))
        {
            throw call.Fail(ModelError.InvalidShape, "results to be stacked differ in shape: " +
                $"[{string.Join(',', _parts[0].Shape)}] and [{string.Join(',', part.Shape)}]");
        }
        _parts.Add(part);
        _bytes += part.ByteCount;
        call.Budget.Stack(part.ByteCount);
    }

    /// <summary>The stack along a new first axis; of no parts, what was inferred says the other dimensions.</summary>
    public Tensor Stack(OperatorCall call, TensorInfo inferred)
    {
        call.Budget.Unstack(_bytes);
        if (_parts.Count == 0)
        {
            long[] rest = inferred.Shape is { Length: > 0 } shape ? [.. shape.Skip(1).Select(d => Math.Max(d, 0))] : [];
            return new Tensor(inferred.Type, [0, .. rest], []);
        }
        long[] whole = [_parts.Count, .. _parts[0].Shape];
        call.Limits.CountElements(whole, $"node {call.Node}: a stacked output");
        return new Tensor(_parts[0].Type, whole, [.. _parts.SelectMany(p => p.Data)]);
    }

    public void Reverse() => _parts.Reverse();
}
