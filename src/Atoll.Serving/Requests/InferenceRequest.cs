using System.Buffers;
using Atoll.Devices;

namespace Atoll.Serving;

/// <summary>One input of a request: a shape that the model accepts, and its row-major little-endian elements.</summary>
public readonly record struct InputTensor(long[] Shape, ReadOnlyMemory<byte> Data);

/// <summary>One output that the client asked for, by its index in the model's metadata.</summary>
public readonly record struct OutputRequest(int Index, bool Binary);

/// <summary>
/// A parsed and checked request. Its tensors live in pooled memory until it is disposed; owned by the request's
/// handler.
/// </summary>
public sealed class InferenceRequest : IDisposable
{
    private readonly List<byte[]> _rented = [];

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
    }
}
