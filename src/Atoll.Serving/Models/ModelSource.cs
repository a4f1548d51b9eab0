namespace Atoll.Serving;

/// <summary>Where one version of a model lies: the ONNX file and, beside it, the configuration file or null.</summary>
public sealed record ModelSource(string Name, string Version, string Path, string? ConfigurationPath)
{
    /// <summary>
    /// Finds models in a folder: `NAME.onnx` (configuration `NAME.config.json`, version 1), and
    /// `NAME/VERSION/model.onnx` with whole-number versions (configuration `NAME/config.json`). Sorted by name and
    /// version.
    /// </summary>
    /// <exception cref="ServingException">The folder is absent or unreadable.</exception>
    public static IReadOnlyList<ModelSource> Find(string folder)
    {
        try
        {
            return [.. Directory.EnumerateFiles(folder, "*.onnx").Select(Flat)
                .Concat(Directory.EnumerateDirectories(folder).SelectMany(Versions))
                .OrderBy(source => source.Name, StringComparer.Ordinal)
                .ThenBy(source => long.Parse(source.Version))];
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new ServingException(
                ServingError.RepositoryUnreadable, $"model folder '{folder}': {e.Message} (setting serving.models)", e);
        }
    }

    /// <summary>Finds queries in a folder: `NAME.query.yaml`; they are loaded after the models that they run.</summary>
    /// <exception cref="ServingException">The folder is absent or unreadable.</exception>
    public static IReadOnlyList<ModelSource> FindQueries(string folder)
    {
        try
        {
            return [.. Directory.EnumerateFiles(folder, "*" + PipelineFile.Extension)
                .Order(StringComparer.Ordinal)
                .Select(file => new ModelSource(
                    System.IO.Path.GetFileName(file)[..^PipelineFile.Extension.Length], "1", file, null))];
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new ServingException(
                ServingError.RepositoryUnreadable, $"model folder '{folder}': {e.Message} (setting serving.models)", e);
        }
    }

    /// <summary>It is no model but a query over models.</summary>
    public bool IsQuery => Path.EndsWith(PipelineFile.Extension, StringComparison.Ordinal);

    /// <summary>
    /// Names the files as they are now: path, size and time of the model, its external data and its configuration. It
    /// differs when one of them has changed.
    /// </summary>
    internal string Stamp()
    {
        string?[] files = [Path, Path + ".data", ConfigurationPath];
        return string.Join('|', files.OfType<string>().Select(file => new FileInfo(file))
            .Select(file => file.Exists ? $"{file.FullName}:{file.Length}:{file.LastWriteTimeUtc.Ticks}" : ""));
    }

    private static ModelSource Flat(string file)
    {
        var configuration = System.IO.Path.ChangeExtension(file, ".config.json");
        return new(
            System.IO.Path.GetFileNameWithoutExtension(file), "1", file, IfExists(configuration));
    }

    private static string? IfExists(string path) => File.Exists(path) ? path : null;

    private static IEnumerable<ModelSource> Versions(string folder)
    {
        var configuration = System.IO.Path.Combine(folder, "config.json");
        foreach (var version in Directory.EnumerateDirectories(folder))
        {
            var file = System.IO.Path.Combine(version, "model.onnx");
            if (uint.TryParse(System.IO.Path.GetFileName(version), out var number) && File.Exists(file))
            {
                yield return new(
                    System.IO.Path.GetFileName(folder), $"{number}", file, IfExists(configuration));
            }
        }
    }
}

/// <summary>Makes a served model of a source. Called for several sources at once.</summary>
public interface IModelLoader
{
    /// <exception cref="Exception">The model cannot be served; its message is listed.</exception>
    Task<IServedModel> LoadAsync(
        ModelSource source, ModelConfiguration configuration, CancellationToken cancellationToken);
}
