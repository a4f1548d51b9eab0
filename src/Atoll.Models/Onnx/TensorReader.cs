using System.Runtime.InteropServices;
using Atoll.Models.Onnx;
using Google.Protobuf;

namespace Atoll.Models;

/// <summary>Turns stored tensors into host tensors; sizes are checked before memory is taken.</summary>
internal sealed class TensorReader(ExternalData external, ModelLimits limits)
{
    private long _constantBytes;

    /// <summary>Reads one serialized tensor, as ONNX's test data keeps its inputs and outputs.</summary>
    public static Tensor ReadFile(string path, ModelLimits limits)
    {
        using var data = OnnxModel.OpenData(path);
        var file = data.Content;
        new WireScan(file, $"tensor file '{path}'", limits).CheckTensor();
        file.Position = 0;
        try
        {
            var proto = TensorProto.Parser.WithDiscardUnknownFields(true).ParseFrom(file);
            return new TensorReader(new ExternalData(null), limits).Read(proto, proto.Name);
        }
        catch (InvalidProtocolBufferException e)
        {
            throw new ModelException(ModelError.Malformed, $"tensor file '{path}' is not a valid tensor: {e.Message}",
                e);
        }
    }

    /// <param name="proto">The stored tensor.</param>
    /// <param name="name">Its name, for errors.</param>
    /// <param name="raw">Its raw bytes where the stored form lacks them.</param>
    public Tensor Read(TensorProto proto, string name, RawData? raw = null)
    {
        var where = $"tensor '{name}'";
        var type = TypeOf(proto.DataType, where);
        var shape = proto.Dims.ToArray();
        if (shape.Any(d => d < 0))
        {
            throw new ModelException(ModelError.InvalidShape,
                $"{where} has a negative dimension in [{string.Join(',', shape)}]");
        }
        var count = limits.CountElements(shape, where);
        var bytes = type == ElementType.String ? proto.StringData.Sum(v => (long)v.Length + sizeof(uint))
            : count * type.SizeInBytes();
        RequireRoom(bytes, where);
        if (type == ElementType.String)
        {
            return new Tensor(type, shape, Strings(proto, count, raw is not null, where));
        }

        if (proto.DataLocation == TensorProto.Types.DataLocation.External)
        {
            return external.Read(proto, bytes).ToTensor(type, shape);
        }

        return raw is null ? new Tensor(type, shape, Bytes(proto, type, count, where))
            : raw.Length == bytes ? raw.ToTensor(type, shape)
            : throw Mismatch(where, count, raw.Length, "raw bytes");
    }

    /// <summary>Room for a tensor that is made from less, within the limits.</summary>
    public byte[] Zeros(ElementType type, long[] shape, string where)
    {
        if (shape.Any(d => d < 0))
        {
            throw new ModelException(ModelError.InvalidShape, $"{where} has a negative dimension");
        }
        var bytes = limits.CountElements(shape, where) * type.SizeInBytes();
        RequireRoom(bytes, where);
        return new byte[bytes];
    }

    private void RequireRoom(long bytes, string where)
    {
        if (bytes > Array.MaxLength || (_constantBytes += bytes) > limits.ConstantBytesMax)
        {
            throw ModelLimits.Exceeded($"{where} brings the constants to {_constantBytes} bytes",
                limits.ConstantBytesMax,
                nameof(limits.ConstantBytesMax));
        }
    }

    private static byte[] Strings(TensorProto proto, long count, bool isRaw, string where)
    {
        if (isRaw || proto.RawData.Length > 0 || proto.DataLocation == TensorProto.Types.DataLocation.External)
        {
            throw new ModelException(ModelError.UnsupportedType, $"{where} holds strings as raw or external data");
        }
        return proto.StringData.Count == count
            ? StringData.Encode([.. proto.StringData.Select(v => v.ToStringUtf8())])
            : throw Mismatch(where, count, proto.StringData.Count, "strings");
    }

    public static ElementType TypeOf(int number, string where)
    {
        var type = (ElementType)number;
        return Enum.IsDefined(type) && type != ElementType.Undefined
            ? type
            : throw new ModelException(ModelError.UnsupportedType,
                $"{where} has the data type {number} ({type}), which is not supported");
    }

    private static byte[] Bytes(TensorProto proto, ElementType type, long count, string where)
    {
        var bytes = count * type.SizeInBytes();
        if (proto.RawData.Length > 0)
        {
            return proto.RawData.Length == bytes ? ArrayOf(proto.RawData)
                : throw Mismatch(where, count, proto.RawData.Length, "raw bytes");
        }
        return type switch
        {
            ElementType.Float32 => Convert(proto.FloatData, v => v, count, where),
            ElementType.Float64 => Convert(proto.DoubleData, v => v, count, where),
            ElementType.Int64 => Convert(proto.Int64Data, v => v, count, where),
            ElementType.UInt64 => Convert(proto.Uint64Data, v => v, count, where),
            ElementType.UInt32 => Convert(proto.Uint64Data, v => unchecked((uint)v), count, where),
            ElementType.Int32 => Convert(proto.Int32Data, v => v, count, where),
            ElementType.Int16 or ElementType.UInt16 or ElementType.Float16 or ElementType.BFloat16 =>
                Convert(proto.Int32Data, v => unchecked((ushort)v), count, where),
            _ => Convert(proto.Int32Data, v => unchecked((byte)v), count, where),
        };
    }

    private static byte[] Convert<TIn, TOut>(IList<TIn> values, Func<TIn, TOut> convert, long count, string where)
        where TOut : unmanaged
    {
        if (values.Count != count)
        {
            throw Mismatch(where, count, values.Count, "values");
        }
        var data = new byte[count * Marshal.SizeOf<TOut>()];
        var typed = MemoryMarshal.Cast<byte, TOut>(data.AsSpan());
        for (var i = 0; i < typed.Length; i++)
        {
            typed[i] = convert(values[i]);
        }
        return data;
    }

    /// <summary>A parsed byte string owns its array alone, so the array is taken over without a copy.</summary>
    private static byte[] ArrayOf(ByteString bytes) =>
        MemoryMarshal.TryGetArray(bytes.Memory, out var segment) && segment.Array is { } array &&
            array.Length == segment.Count
            ? array
            : bytes.ToByteArray();

    private static ModelException Mismatch(string where, long needed, long found, string unit) =>
        new(ModelError.InvalidShape, $"{where} holds {found} {unit}, but its shape has {needed} elements");
}
