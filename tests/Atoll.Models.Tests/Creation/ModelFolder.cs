using Atoll.Models.Onnx;

namespace Atoll.Models.Tests;

/// <summary>A folder for models that goes away with the test.</summary>
internal sealed class ModelFolder : IDisposable
{
    private static readonly string[] Untrained = ["_mask", ".grid", ".anchors", ".scales"];

    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("atoll-models-");

    public string At(string file) => Path.Combine(_folder.FullName, file);

    public IEnumerable<string> Files => _folder.EnumerateFiles().Select(f => f.Name);

    public void Dispose() => _folder.Delete(recursive: true);

    public static ModelProto Parse(string path)
    {
        using var file = File.OpenRead(path);
        return ModelProto.Parser.ParseFrom(file);
    }

    /// <summary>
    /// Elements of all float initializers but batch-norm statistics and fixed tables, as publications count parameters.
    /// </summary>
    public static long CountParameters(ModelProto model)
    {
        var statistics = model.Graph.Node.Where(n => n.OpType == "BatchNormalization")
            .SelectMany(n => n.Input.Skip(3)).ToHashSet();
        return model.Graph.Initializer
            .Where(t => t.DataType == (int)ElementType.Float32 && t.Dims.Count > 0 && !statistics.Contains(t.Name)
                && !Untrained.Any(name => t.Name.EndsWith(name, StringComparison.Ordinal)))
            .Sum(t => t.Dims.Aggregate(1L, (count, dim) => count * dim));
    }
}
