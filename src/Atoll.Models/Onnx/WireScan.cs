namespace Atoll.Models;

/// <summary>
/// Walks the protobuf wire form without building objects and refuses a file that is truncated or that would become more
/// objects or list elements than the limits allow, since two bytes of a hostile file can ask for hundreds of bytes of
/// memory.
/// </summary>
internal sealed class WireScan(Stream stream, string where, ModelLimits limits)
{
    private const int DepthMax = 32;
    private readonly RawRecords _raw = new(stream.Position);
    private int _records;
    private int _nodes;
    private long _elements;

    private enum Message
    {
        Model, Graph, Node, Attribute, Tensor, Sparse, ValueInfo, Type, TensorType, ElementOf, ShapeOf, Opset,
        Function, Entry,
    }

    /// <exception cref="ModelException">Malformed, or past a limit.</exception>
    public RawRecords CheckModel()
    {
        Check(Message.Model);
        return _raw;
    }

    public void CheckTensor() => Check(Message.Tensor);

    private void Check(Message root)
    {
        if (stream.Length > limits.FileBytesMax)
        {
            throw ModelLimits.Exceeded($"{where} has {stream.Length} bytes", limits.FileBytesMax,
                nameof(limits.FileBytesMax));
        }
        Walk(root, stream.Length, 0);
    }

    private void Walk(Message message, long end, int depth)
    {
        if (depth > DepthMax)
        {
            throw Malformed($"messages nest deeper than {DepthMax}");
        }
        while (stream.Position < end)
        {
            var start = stream.Position;
            var key = ReadVarint(end);
            var field = key >> 3;
            switch (key & 7)
            {
                case 0:
                    ReadVarint(end);
                    CountElements(1);
                    break;
                case 1:
                    Skip(8, end);
                    CountElements(1);
                    break;
                case 5:
                    Skip(4, end);
                    CountElements(1);
                    break;
                case 2:
                    WalkLengthDelimited((message, field), start, end, depth);
                    break;
                default:
                    throw Malformed($"field {field} has wire type {key & 7}");
            }
        }
    }

    private void WalkLengthDelimited((Message Message, ulong Number) field, long start, long end, int depth)
    {
        var length = ReadVarint(end);
        if (length > (ulong)(end - stream.Position))
        {
            throw Malformed($"field {field.Number} claims {length} bytes but {end - stream.Position} are left");
        }
        if (++_records > limits.RecordsMax)
        {
            throw ModelLimits.Exceeded($"{where} has too many records", limits.RecordsMax, nameof(limits.RecordsMax));
        }
        var stop = stream.Position + (long)length;
        NoteRaw(field, depth, start, stop);
        if (Child(field.Message, field.Number) is { } child)
        {
            if (child == Message.Node && ++_nodes > limits.NodesMax)
            {
                throw ModelLimits.Exceeded($"{where} has too many nodes", limits.NodesMax, nameof(limits.NodesMax));
            }
            Walk(child, stop, depth + 1);
        }
        else if (IsPackedVarint(field.Message, field.Number))
        {
            CountPacked(stop);
        }
        else
        {
            stream.Position = stop;
        }
    }

    private void NoteRaw((Message, ulong) field, int depth, long start, long stop)
    {
        switch (field, depth)
        {
            case ((Message.Model, 7), 0): _raw.AddGraph(start, stream.Position, stop); break;
            case ((Message.Graph, 5), 1): _raw.AddInitializer(start, stream.Position, stop); break;
            case ((Message.Tensor, 9), 2): _raw.AddRaw(start, stream.Position, stop); break;
        }
    }

    private static Message? Child(Message message, ulong field) => (message, field) switch
    {
        (Message.Model, 7) or (Message.Attribute, 6 or 11) => Message.Graph,
        (Message.Model, 8) or (Message.Function, 9) => Message.Opset,
        (Message.Model, 14) or (Message.Tensor, 13) => Message.Entry,
        (Message.Model, 25) => Message.Function,
        (Message.Graph, 1) or (Message.Function, 7) => Message.Node,
        (Message.Graph, 5) or (Message.Attribute, 5 or 10) or (Message.Sparse, 1 or 2) => Message.Tensor,
        (Message.Graph, 11 or 12 or 13) => Message.ValueInfo,
        (Message.Graph, 15) or (Message.Attribute, 22) => Message.Sparse,
        (Message.Node, 5) or (Message.Function, 11) => Message.Attribute,
        (Message.Attribute, 14 or 15) or (Message.ValueInfo, 2) or (Message.ElementOf, 1 or 2) => Message.Type,
        (Message.Type, 1) => Message.TensorType,
        (Message.Type, 4 or 5 or 9) => Message.ElementOf,
        (Message.TensorType, 2) => Message.ShapeOf,
        (Message.ShapeOf, 1) => Message.Entry,
        _ => null,
    };

    private static bool IsPackedVarint(Message message, ulong field) => (message, field) switch
    {
        (Message.Tensor, 1 or 5 or 7 or 11) or (Message.Attribute, 8) or (Message.Sparse, 3) => true,
        _ => false,
    };

    private void CountPacked(long stop)
    {
        Span<byte> block = stackalloc byte[4096];
        while (stream.Position < stop)
        {
            var part = block[..(int)Math.Min(block.Length, stop - stream.Position)];
            stream.ReadExactly(part);
            var ends = 0;
            foreach (var b in part)
            {
                ends += b < 0x80 ? 1 : 0;
            }
            CountElements(ends);
        }
    }

    /// <summary>List elements of one byte in the file take eight in memory.</summary>
    private void CountElements(long count)
    {
        if ((_elements += count) > limits.ElementsMax)
        {
            throw ModelLimits.Exceeded($"{where} lists too many numbers", limits.ElementsMax,
                nameof(limits.ElementsMax));
        }
    }

    private ulong ReadVarint(long end)
    {
        var value = 0UL;
        for (var shift = 0; shift < 70; shift += 7)
        {
            if (stream.Position >= end)
            {
                throw Malformed("a number is cut off");
            }
            var part = stream.ReadByte();
            value |= (ulong)(part & 0x7f) << shift;
            if (part < 0x80)
            {
                return value;
            }
        }
        throw Malformed("a number has more than 10 bytes");
    }

    private void Skip(int count, long end)
    {
        if (end - stream.Position < count)
        {
            throw Malformed("a fixed-size field is cut off");
        }
        stream.Position += count;
    }

    private ModelException Malformed(string what) =>
        new(ModelError.Malformed,
            $"{where} is not a valid protobuf file: {what} at byte {stream.Position} of {stream.Length}");
}
