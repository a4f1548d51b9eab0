using System.Runtime.InteropServices;

namespace Atoll.Models;

/// <summary>
/// A dense row-major tensor in host memory: initializers, constants, values of host steps. Immutable by convention.
/// </summary>
public sealed class Tensor : ModelValue
{
    public Tensor(ElementType type, IReadOnlyList<long> shape, byte[] data)
    {
        Type = type;
        Shape = [.. shape];
        Data = data;
        if (type == ElementType.String)
        {
            CheckStrings();
            return;
        }

        var expected = checked(ElementCount * type.SizeInBytes());
        if (data.LongLength != expected)
        {
            throw new ArgumentException(
                $"a {type} tensor of shape [{string.Join(',', shape)}] has {expected} bytes, not {data.LongLength}");
        }
    }

    public ElementType Type { get; }

    public long[] Shape { get; }

    /// <summary>Row-major little-endian elements; those of strings as <see cref="StringData"/> says.</summary>
    public byte[] Data { get; }

    public long ElementCount => Shape.Aggregate(1L, (count, dim) => checked(count * dim));

    public override long ByteCount => Data.LongLength;

    internal override ContainerType? Container => null;

    public ReadOnlySpan<T> AsSpan<T>() where T : unmanaged => MemoryMarshal.Cast<byte, T>(Data);

    public static Tensor Of<T>(ElementType type, IReadOnlyList<long> shape, ReadOnlySpan<T> values)
        where T : unmanaged =>
        new(type, shape, MemoryMarshal.AsBytes(values).ToArray());

    public static Tensor Float(IReadOnlyList<long> shape, ReadOnlySpan<float> values) =>
        Of(ElementType.Float32, shape, values);

    public static Tensor Int64(IReadOnlyList<long> shape, ReadOnlySpan<long> values) =>
        Of(ElementType.Int64, shape, values);

    public static Tensor OfStrings(IReadOnlyList<long> shape, IReadOnlyCollection<string> values) =>
        new(ElementType.String, shape, StringData.Encode(values));

    /// <summary>The elements of a string tensor.</summary>
    /// <exception cref="InvalidOperationException">The tensor is not of strings.</exception>
    public string[] Strings() => Type == ElementType.String ? StringData.Decode(Data)
        : throw new InvalidOperationException($"a {Type} tensor holds no strings");

    private void CheckStrings()
    {
        var count = StringData.Count(Data);
        if (count != ElementCount)
        {
            throw new ArgumentException(
                $"a String tensor of shape [{string.Join(',', Shape)}] has {ElementCount} elements, " +
                (count < 0 ? "but the last is cut off" : $"not {count}"));
        }
    }
}
