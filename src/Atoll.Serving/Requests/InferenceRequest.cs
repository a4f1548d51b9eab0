using System.Buffers;
using Atoll.Devices;

namespace Atoll.Serving;

/// <summary>One input of a request: a shape that the model accepts, and its row-major little-endian elements.</summary>
public readonly record struct InputTensor(long[] Shape, ReadOnlyMemory<byte> Data);

/// <summary>One output that the client asked for, by its index in the model's metadata.</summary>
/// <param name="Classes">
/// Answers the so many largest values as BYTES `value:index[:label]` instead; 0 = the tensor itself.
/// </param>
public readonly record struct OutputRequest(int Index, bool Binary, int Classes = 0)
{
    /// <summary>Shared memory that takes the data; null = the answer does.</summary>
    internal SharedMemorySlice? Region { get; init; }
}

/// <summary>Which sequence a request is part of, by a number or a text, and whether it begins or ends it.</summary>
public readonly record struct SequenceStep(ulong Number, string Text, bool IsStart, bool IsEnd)
{
    /// <summary>The request names a sequence.</summary>
    public bool IsGiven => Number != 0 || Text is { Length: > 0 };

    public override string ToString() => Text is { Length: > 0 } ? Text : $"{Number}";
}

/// <summary>
/// A parsed and checked request. Its tensors live in pooled memory until it is disposed; owned by the request's
/// handler.
/// </summary>
public sealed class InferenceRequest : IDisposable
{
    private static readonly Dictionary<string, object> NoParameters = [];

    private readonly List<byte[]> _rented = [];
    private List<IDisposable>? _owned;

    /// <summary>Echoed in the answer; null when the client gave none.</summary>
    public string? Id { get; set; }

    /// <summary>In the order of the model's metadata.</summary>
    public required InputTensor[] Inputs { get; init; }

    /// <summary>In the order in which the client named them; all of the model's when it named none.</summary>
    public List<OutputRequest> Outputs { get; } = [];

    public WorkClass Class { get; set; } = WorkClass.BestEffort;

    /// <summary>Order within the class: 1 for real-time, 2 (first) to N (last) for best-effort.</summary>
    public int Priority { get; set; }

    /// <summary>Timestamp of the host's clock at which the request came; 0 = when it is run.</summary>
    public long Arrival { get; set; }

    /// <summary>Timestamp of the host's clock after which the answer is worthless; 0 = none.</summary>
    public long Deadline { get; set; }

    /// <summary>Used by models that keep state from request to request.</summary>
    public SequenceStep Sequence { get; set; }

    /// <summary>What the client sent along beside tensors, by name: strings, numbers (double, long) or bools.</summary>
    public IReadOnlyDictionary<string, object> Parameters { get; set; } = NoParameters;

    /// <summary>What the model remembers between the steps of a sequence or an iteration.</summary>
    internal ModelStateSet? State { get; set; }

    /// <summary>Disposes it with the request.</summary>
    internal void Own(IDisposable resource) => (_owned ??= []).Add(resource);

    /// <summary>Pooled bytes that live as long as this request.</summary>
    internal Memory<byte> Rent(int bytes)
    {
        var array = ArrayPool<byte>.Shared.Rent(bytes);
        _rented.Add(array);
        return array.AsMemory(0, bytes);
    }

    public void Dispose()
    {
        foreach (var array in _rented)
        {
            ArrayPool<byte>.Shared.Return(array);
        }

        _rented.Clear();
        _owned?.ForEach(resource => resource.Dispose());
        _owned = null;
    }
}
