using Atoll.Models.Onnx;
using Google.Protobuf;

namespace Atoll.Models;

/// <summary>
/// A model file, read and checked: its graph with all shapes inferred as far as the inputs' shapes are known.
/// </summary>
public sealed class OnnxModel
{
    private OnnxModel(Graph graph, ModelProto proto)
    {
        Graph = graph;
        IrVersion = proto.IrVersion;
        Producer = $"{proto.ProducerName} {proto.ProducerVersion}".Trim();
        Opsets = OpsetsOf(proto);
    }

    public Graph Graph { get; }

    public long IrVersion { get; }

    public string Producer { get; }

    /// <summary>Version of the operator set by domain; the standard domain is the empty string.</summary>
    public IReadOnlyDictionary<string, int> Opsets { get; }

    /// <exception cref="ModelException">The file is missing, malformed, past a limit, or uses what is not
    /// supported.</exception>
    public static OnnxModel Load(string path, ModelLimits? limits = null)
    {
        using var file = Open(path);
        return Load(file, $"model '{path}'", Path.GetDirectoryName(Path.GetFullPath(path)),
            limits ?? ModelLimits.Default);
    }

    /// <summary>Reads from a stream; external data is refused, as there is no folder that it could be in.</summary>
    public static OnnxModel Load(Stream stream, string name, ModelLimits? limits = null)
    {
        var bounds = limits ?? ModelLimits.Default;
        return Load(stream.CanSeek ? stream : Buffered(stream, name, bounds), $"model '{name}'", null, bounds);
    }

    internal static FileStream Open(string path)
    {
        try
        {
            return File.OpenRead(path);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or ArgumentException)
        {
            throw new ModelException(ModelError.NotFound, $"cannot open '{path}': {e.Message}", e);
        }
    }

    internal static Dictionary<string, int> OpsetsOf(ModelProto proto)
    {
        var opsets = new Dictionary<string, int>();
        foreach (var import in proto.OpsetImport)
        {
            if (import.Version is < 1 or > int.MaxValue)
            {
                throw new ModelException(ModelError.Malformed,
                    $"operator set '{import.Domain}' has the version {import.Version}");
            }
            opsets[GraphReader.DomainOf(import.Domain)] = (int)import.Version;
        }
        // Files before IR version 3 have no imports and mean the first operator set.
        opsets.TryAdd("", 1);
        return opsets;
    }

    private static OnnxModel Load(Stream stream, string where, string? folder, ModelLimits limits)
    {
        try
        {
            var proto = Parse(stream, where, limits);
            var graph = new GraphReader(proto, new TensorReader(new ExternalData(folder), limits), limits).Read();
            ShapeInference.Run(graph, limits);
            if (GradientExpansion.Apply(graph))
            {
                ShapeInference.Run(graph, limits);
            }
            return new OnnxModel(graph, proto);
        }
        catch (ModelException e) when (!e.Message.StartsWith(where, StringComparison.Ordinal))
        {
            throw new ModelException(e.Error, $"{where}: {e.Message}", e);
        }
        catch (IOException e)
        {
            throw new ModelException(ModelError.Malformed, $"{where} cannot be read: {e.Message}", e);
        }
    }

    internal static ModelProto Parse(Stream stream, string where, ModelLimits limits)
    {
        var start = stream.Position;
        new WireScan(stream, where, limits).CheckModel();
        stream.Position = start;
        try
        {
            return ModelProto.Parser.WithDiscardUnknownFields(true).ParseFrom(stream);
        }
        catch (InvalidProtocolBufferException e)
        {
            throw new ModelException(ModelError.Malformed, $"{where} is not a valid ONNX file: {e.Message}", e);
        }
    }

    private static MemoryStream Buffered(Stream stream, string name, ModelLimits limits)
    {
        var buffered = new MemoryStream();
        var block = new byte[1 << 16];
        for (int read; (read = stream.Read(block)) > 0;)
        {
            buffered.Write(block, 0, read);
            if (buffered.Length > limits.FileBytesMax)
            {
                throw ModelLimits.Exceeded($"model '{name}' is too long", limits.FileBytesMax,
                    nameof(limits.FileBytesMax));
            }
        }
        buffered.Position = 0;
        return buffered;
    }
}
