using System.Text;

namespace Atoll.Serving;

/// <summary>
/// What a load request brings along: a configuration in place of the model's file, and files in place of its folder,
/// as VERSION/PATH.
/// </summary>
internal sealed record ModelOverride
{
    /// <summary>Most files that one request may bring.</summary>
    public const int MostFiles = 256;

    /// <summary>JSON; null = the model's own file.</summary>
    public string? Configuration { get; init; }

    public IReadOnlyDictionary<string, byte[]> Files { get; init; } = new Dictionary<string, byte[]>();

    public ModelConfiguration? Read(string model, ModelConfiguration defaults) => Configuration is null
        ? null
        : ModelConfiguration.Parse(Encoding.UTF8.GetBytes(Configuration), $"config of model '{model}'", defaults);

    /// <summary>Writes the files to a new folder that the caller deletes; null when there are none.</summary>
    /// <exception cref="RequestException">A path leads out of the folder or names no version.</exception>
    public DirectoryInfo? Unpack(string model)
    {
        if (Files.Count == 0)
        {
            return null;
        }

        CheckName(model);
        foreach (var path in Files.Keys)
        {
            CheckPath(path);
        }

        var folder = Directory.CreateTempSubdirectory("atoll-model-");
        try
        {
            foreach (var (path, content) in Files)
            {
                var target = Path.Combine(folder.FullName, model, path);
                Directory.CreateDirectory(Path.GetDirectoryName(target)!);
                File.WriteAllBytes(target, content);
            }

            return folder;
        }
        catch
        {
            folder.Delete(recursive: true);
            throw;
        }
    }

    private static void CheckName(string model)
    {
        if (model is "." or ".." || model.AsSpan().IndexOfAny('/', '\\', '\0') >= 0)
        {
            throw RequestException.BadRequest($"failed to load '{model}': the name is no folder's");
        }
    }

    private static void CheckPath(string path)
    {
        var segments = path.Split('/');
        if (segments.Length < 2 || !uint.TryParse(segments[0], out _) || path.AsSpan().IndexOfAny('\\', '\0') >= 0 ||
            segments.Any(segment => segment is "" or "." or ".."))
        {
            throw RequestException.BadRequest(
                $"parameter 'file:{path}' must be VERSION/PATH within the model's folder, e.g. file:1/model.onnx");
        }
    }
}
