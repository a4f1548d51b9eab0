namespace Atoll.Serving;

/// <summary>Reads the class labels that a configuration names: one per line, beside the configuration.</summary>
internal static class LabelFile
{
    private const int MostBytes = 64 << 20;

    /// <summary>Labels by output name.</summary>
    /// <exception cref="ServingException">A file is absent, too large, or outside the model's folder.</exception>
    public static IReadOnlyDictionary<string, string[]> ReadAll(ModelSource source, ModelConfiguration configuration)
    {
        var labels = new Dictionary<string, string[]>();
        foreach (var output in configuration.Outputs.Where(output => output.LabelFilename is { Length: > 0 }))
        {
            labels[output.Name] = Read(FolderOf(source), output.LabelFilename);
        }

        return labels;
    }

    private static string FolderOf(ModelSource source)
    {
        if (source.ConfigurationPath is { } configuration)
        {
            return Path.GetDirectoryName(Path.GetFullPath(configuration))!;
        }

        // NAME/VERSION/model.onnx: the model's folder is above the version's.
        return Path.GetDirectoryName(Path.GetDirectoryName(Path.GetFullPath(source.Path)))!;
    }

    private static string[] Read(string folder, string name)
    {
        if (Path.GetFileName(name) != name || name is "." or "..")
        {
            throw new ServingException(ServingError.InvalidSetting, $"label_filename '{name}' must be a file's name");
        }

        var path = Path.Combine(folder, name);
        try
        {
            return new FileInfo(path).Length <= MostBytes
                ? File.ReadAllLines(path)
                : throw new ServingException(ServingError.InvalidSetting, $"{path} has more than {MostBytes} bytes");
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new ServingException(ServingError.InvalidSetting, $"labels: {e.Message}", e);
        }
    }
}
