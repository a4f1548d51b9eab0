using System.Runtime.InteropServices;

namespace Atoll.Models;

/// <summary>
/// A dense row-major tensor in host memory: initializers, constants, values of host steps. Immutable by convention.
/// </summary>
public sealed class Tensor : ModelValue
{
    private readonly TensorSource? _source;
    private byte[]? _data;

    public Tensor(ElementType type, IReadOnlyList<long> shape, byte[] data)
    {
        Type = type;
        Shape = [.. shape];
        _data = data;
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

    /// <summary>A tensor of numbers whose bytes are read when they are asked for.</summary>
    internal Tensor(ElementType type, IReadOnlyList<long> shape, TensorSource source)
    {
        (Type, Shape, _source) = (type, [.. shape], source);
        if (type == ElementType.String || source.ByteCount != checked(ElementCount * type.SizeInBytes()))
        {
            throw new ArgumentException($"{source.ByteCount} bytes for {type}[{string.Join(',', shape)}]");
        }
    }

    public ElementType Type { get; }

    public long[] Shape { get; }

    /// <summary>Row-major little-endian elements; those of strings as <see cref="StringData"/> says.</summary>
    /// <exception cref="ModelException">They are still in the model's file, which has changed.</exception>
    public byte[] Data => _data ?? ReadAll();

    public long ElementCount => Shape.Aggregate(1L, (count, dim) => checked(count * dim));

    public override long ByteCount => _data?.LongLength ?? _source!.ByteCount;

    /// <summary>Whether the bytes are in memory; else <see cref="CopyTo"/> reads them without keeping them.</summary>
    internal bool IsInMemory => _data is not null;

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

    /// <summary>Copies some of the bytes.</summary>
    internal void CopyTo(long start, Span<byte> target)
    {
        if (_data is { } data)
        {
            data.AsSpan(checked((int)start), target.Length).CopyTo(target);
            return;
        }

        _source!.Read(start, target);
    }

    private byte[] ReadAll()
    {
        var data = GC.AllocateUninitializedArray<byte>(checked((int)_source!.ByteCount));
        _source.Read(0, data);
        return Interlocked.CompareExchange(ref _data, data, null) ?? data;
    }

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
