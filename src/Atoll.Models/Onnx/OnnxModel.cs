using Atoll.Models.Onnx;

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
        var file = OpenData(path);
        try
        {
            var stored = StoredModel.Parse(file.Content, $"model '{path}'", limits ?? ModelLimits.Default, file);
            var model = Load(stored, Path.GetDirectoryName(Path.GetFullPath(path)));
            if (!stored.IsInFile)
            {
                file.Dispose();
            }

            return model;
        }
        catch
        {
            file.Dispose();
            throw;
        }
    }

    /// <summary>Reads from a stream; external data is refused, as there is no folder that it could be in.</summary>
    public static OnnxModel Load(Stream stream, string name, ModelLimits? limits = null)
    {
        var bounds = limits ?? ModelLimits.Default;
        var seekable = stream.CanSeek ? stream : Buffered(stream, name, bounds);
        return Load(StoredModel.Parse(seekable, $"model '{name}'", bounds, null), null);
    }

    internal static DataFile OpenData(string path)
    {
        try
        {
            return new DataFile(path);
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

    private static OnnxModel Load(StoredModel stored, string? folder)
    {
        var limits = stored.Limits;
        try
        {
            FunctionInlining.Apply(stored.Proto, limits);
            var tensors = new TensorReader(new ExternalData(folder), limits);
            var graph = new GraphReader(stored, tensors).Read();
            ShapeInference.Run(graph, limits);
            if (GradientExpansion.Apply(graph))
            {
                ShapeInference.Run(graph, limits);
            }
            return new OnnxModel(graph, stored.Proto);
        }
        catch (ModelException e) when (!e.Message.StartsWith(stored.Name, StringComparison.Ordinal))
        {
            throw new ModelException(e.Error, $"{stored.Name}: {e.Message}", e);
        }
        catch (IOException e)
        {
            throw new ModelException(ModelError.Malformed, $"{stored.Name} cannot be read: {e.Message}", e);
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
