namespace Atoll.Models;

/// <summary>
/// Where a model file keeps the raw bytes of its large initializers, noted while it is scanned, and the file without
/// them: parsing that costs no copy of the weights.
/// </summary>
internal sealed class RawRecords(long start)
{
    /// <summary>Bytes from which on a tensor's data stays in the file.</summary>
    public const long BytesMin = 1 << 16;

    private const int GraphKey = (7 << 3) | 2;
    private const int InitializerKey = (5 << 3) | 2;

    private readonly List<Extent> _graphs = [];
    private readonly List<Tensor> _tensors = [];
    private readonly Dictionary<int, (long Offset, long Length)> _byIndex = [];
    private int _initializers;

    private readonly record struct Extent(long Start, long Content, long End);

    private readonly record struct Tensor(int Graph, Extent Record, Extent Raw);

    /// <summary>Place of the raw bytes by the initializer's index in the model's graph.</summary>
    public IReadOnlyDictionary<int, (long Offset, long Length)> ByInitializer => _byIndex;

    /// <summary>A graph of the model begins: its key, its content, and where that ends.</summary>
    public void AddGraph(long key, long content, long end) => _graphs.Add(new Extent(key, content, end));

    /// <summary>An initializer of the last graph begins.</summary>
    public void AddInitializer(long key, long content, long end)
    {
        _initializers++;
        _tensors.Add(new Tensor(_graphs.Count - 1, new Extent(key, content, end), default));
    }

    /// <summary>Raw bytes of the last initializer. The last of several holds, as the protobuf form says.</summary>
    public void AddRaw(long key, long content, long end)
    {
        var tensor = _tensors[^1];
        if (tensor.Raw.End > 0 || end - content < BytesMin)
        {
            // Several of them, which no writer makes: the parser may see to it.
            _byIndex.Remove(_initializers - 1);
            _tensors[^1] = tensor with { Raw = new Extent(0, 0, long.MaxValue) };
            return;
        }

        _tensors[^1] = tensor with { Raw = new Extent(key, content, end) };
        _byIndex[_initializers - 1] = (content, end - content);
    }

    /// <summary>
    /// The file without what <see cref="ByInitializer"/> holds; null where that is nothing. A graph that loses bytes is
    /// written as several records, which a parser joins.
    /// </summary>
    public MemoryStream? Without(Stream file)
    {
        if (_byIndex.Count == 0)
        {
            return null;
        }

        var rest = new MemoryStream();
        var at = start;
        // Tensors are in the order of their graphs.
        var next = 0;
        foreach (var (index, graph) in _graphs.Index())
        {
            Copy(file, at, graph.Start, rest);
            at = graph.Content;
            for (; next < _tensors.Count && _tensors[next].Graph == index; next++)
            {
                var tensor = _tensors[next];
                if (tensor.Raw is not { End: > 0 and < long.MaxValue })
                {
                    continue;
                }

                WriteGraph(file, at, tensor.Record.Start, rest);
                WriteTensor(file, tensor, rest);
                at = tensor.Record.End;
            }

            WriteGraph(file, at, graph.End, rest);
            at = graph.End;
        }

        Copy(file, at, file.Length, rest);
        rest.Position = 0;
        return rest;
    }

    private static void WriteGraph(Stream file, long from, long to, MemoryStream rest)
    {
        if (to > from)
        {
            WriteVarint(rest, GraphKey);
            WriteVarint(rest, to - from);
            Copy(file, from, to, rest);
        }
    }

    private static void WriteTensor(Stream file, Tensor tensor, MemoryStream rest)
    {
        var length = tensor.Raw.Start - tensor.Record.Content + (tensor.Record.End - tensor.Raw.End);
        WriteVarint(rest, GraphKey);
        WriteVarint(rest, 1 + VarintBytes(length) + length);
        WriteVarint(rest, InitializerKey);
        WriteVarint(rest, length);
        Copy(file, tensor.Record.Content, tensor.Raw.Start, rest);
        Copy(file, tensor.Raw.End, tensor.Record.End, rest);
    }

    private static void Copy(Stream file, long from, long to, MemoryStream rest)
    {
        Span<byte> block = stackalloc byte[4096];
        file.Position = from;
        for (var left = to - from; left > 0;)
        {
            var part = block[..(int)Math.Min(block.Length, left)];
            file.ReadExactly(part);
            rest.Write(part);
            left -= part.Length;
        }
    }

    private static void WriteVarint(MemoryStream rest, long value)
    {
        for (; value >= 0x80; value >>= 7)
        {
            rest.WriteByte((byte)(value | 0x80));
        }

        rest.WriteByte((byte)value);
    }

    private static int VarintBytes(long value)
    {
        var bytes = 1;
        for (; value >= 0x80; value >>= 7)
        {
            bytes++;
        }

        return bytes;
    }
}
