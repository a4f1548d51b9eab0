using Atoll.Models.Onnx;
using Google.Protobuf;

namespace Atoll.Models;

/// <summary>A model as it is stored: its parsed form, and where the raw bytes of large initializers are.</summary>
internal sealed class StoredModel
{
    private readonly RawRecords _raw;
    private readonly Stream _stream;
    private readonly DataFile? _file;

    private StoredModel(string name, ModelLimits limits, ModelProto proto, RawRecords raw, (Stream, DataFile?) from)
    {
        (Name, Limits, Proto, _raw) = (name, limits, proto, raw);
        (_stream, _file) = from;
    }

    /// <summary>The model's name for errors.</summary>
    public string Name { get; }

    public ModelLimits Limits { get; }

    /// <summary>The model without what <see cref="TryRawData"/> gives.</summary>
    public ModelProto Proto { get; }

    /// <summary>Whether tensors are read from the file later.</summary>
    public bool IsInFile => _file is not null && _raw.ByInitializer.Count > 0;

    /// <param name="stream">The stored form, from its position on.</param>
    /// <param name="name">The model's name for errors.</param>
    /// <param name="limits">What the model may ask for.</param>
    /// <param name="file">The file whose stream this is; null = all bytes are read at once.</param>
    /// <exception cref="ModelException">Malformed, or past a limit.</exception>
    public static StoredModel Parse(Stream stream, string name, ModelLimits limits, DataFile? file)
    {
        var start = stream.Position;
        try
        {
            var raw = new WireScan(stream, name, limits).CheckModel();
            var rest = raw.Without(stream);
            stream.Position = start;
            var proto = ModelProto.Parser.WithDiscardUnknownFields(true).ParseFrom(rest ?? stream);
            return new StoredModel(name, limits, proto, raw, (stream, file));
        }
        catch (Exception e) when (e is InvalidProtocolBufferException or EndOfStreamException)
        {
            throw new ModelException(ModelError.Malformed, $"{name} is not a valid ONNX file: {e.Message}", e);
        }
        catch (IOException e)
        {
            throw new ModelException(ModelError.Malformed, $"{name} cannot be read: {e.Message}", e);
        }
    }

    /// <summary>The raw bytes of an initializer of the model's graph, where the parsed form lacks them.</summary>
    public RawData? TryRawData(int initializer) => !_raw.ByInitializer.TryGetValue(initializer, out var place) ? null
        : _file is not null ? new RawData(null, new FileRegion(_file, place.Offset, place.Length))
        : new RawData(ReadNow(place.Offset, place.Length), null);

    private byte[] ReadNow(long offset, long length)
    {
        var data = new byte[length];
        _stream.Position = offset;
        _stream.ReadExactly(data);
        return data;
    }
}

/// <summary>Bytes of a tensor: in memory, or where they are.</summary>
internal sealed record RawData(byte[]? Bytes, TensorSource? Source)
{
    public long Length => Bytes?.LongLength ?? Source!.ByteCount;

    public Tensor ToTensor(ElementType type, long[] shape) =>
        Bytes is not null ? new Tensor(type, shape, Bytes) : new Tensor(type, shape, Source!);
}
