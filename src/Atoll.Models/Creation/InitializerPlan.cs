using System.Runtime.InteropServices;

namespace Atoll.Models;

/// <summary>Fills successive chunks of a tensor, in order; the first call starts at element 0.</summary>
internal delegate void ChunkFill(Span<float> chunk);

/// <summary>
/// An initializer that is made while it is written, so that a large model never lies in memory as a whole.
/// <paramref name="Begin"/> returns a fill that starts at the tensor's first element and gets whole rows (all but the
/// first dimension).
/// </summary>
internal sealed record InitializerPlan(
    string Name, ElementType Type, long[] Shape, Func<ChunkFill>? Begin, byte[]? Data)
{
    private const int ChunkElements = 1 << 18;

    public long ElementCount => Shape.Aggregate(1L, (count, dim) => checked(count * dim));

    public long ByteCount => checked(ElementCount * Type.SizeInBytes());

    private long RowElements => Shape.Length == 0 || Shape[0] == 0 ? 1 : Math.Max(1, ElementCount / Shape[0]);

    public static InitializerPlan Filled(string name, long[] shape, Func<ChunkFill> begin) =>
        new(name, ElementType.Float32, shape, begin, null);

    public static InitializerPlan Constant(string name, Tensor tensor) =>
        new(name, tensor.Type, tensor.Shape, null, tensor.Data);

    public void WriteTo(Stream target)
    {
        if (Data is not null)
        {
            target.Write(Data);
            return;
        }

        var fill = Begin!();
        var rows = Math.Max(1, ChunkElements / RowElements);
        var chunk = new float[checked((int)Math.Min(ElementCount, rows * RowElements))];
        for (var left = ElementCount; left > 0; left -= chunk.Length)
        {
            var part = chunk.AsSpan(0, (int)Math.Min(left, chunk.Length));
            fill(part);
            target.Write(MemoryMarshal.AsBytes(part));
        }
    }
}
