using System.Runtime.InteropServices;

namespace Atoll.Models;

/// <summary>
/// A dense row-major tensor in host memory: initializers, constants, test data. Immutable by convention.
/// </summary>
public sealed class Tensor
{
    public Tensor(ElementType type, IReadOnlyList<long> shape, byte[] data)
    {
        Type = type;
        Shape = [.. shape];
        Data = data;
        var expected = checked(ElementCount * type.SizeInBytes());
        if (data.LongLength != expected)
        {
            throw new ArgumentException(
                $"a {type} tensor of shape [{string.Join(',', shape)}] has {expected} bytes, not {data.LongLength}");
        }
    }

    public ElementType Type { get; }

    public long[] Shape { get; }

    /// <summary>Row-major little-endian elements.</summary>
    public byte[] Data { get; }

    public long ElementCount => Shape.Aggregate(1L, (count, dim) => checked(count * dim));

    public ReadOnlySpan<T> AsSpan<T>() where T : unmanaged => MemoryMarshal.Cast<byte, T>(Data);

    public static Tensor Of<T>(ElementType type, IReadOnlyList<long> shape, ReadOnlySpan<T> values)
        where T : unmanaged =>
        new(type, shape, MemoryMarshal.AsBytes(values).ToArray());

    public static Tensor Float(IReadOnlyList<long> shape, ReadOnlySpan<float> values) =>
        Of(ElementType.Float32, shape, values);

    public static Tensor Int64(IReadOnlyList<long> shape, ReadOnlySpan<long> values) =>
        Of(ElementType.Int64, shape, values);
}
