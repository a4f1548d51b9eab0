using System.Globalization;
using Atoll.Models;

namespace Atoll;

/// <summary>
/// Sample models made on first use and kept in the user's data folder, since making a large one takes seconds.
/// </summary>
internal static class SampleModelCache
{
    public static string Folder { get; } = Path.Combine(
        Environment.GetFolderPath(
            Environment.SpecialFolder.LocalApplicationData, Environment.SpecialFolderOption.Create), "atoll", "models");

    /// <summary>Path of the model's file; makes it if it is not there.</summary>
    public static string PathOf(string name, double width) => PathOf(name, width, Folder);

    /// <summary>Path of the model at full size with an open batch; makes it if it is not there.</summary>
    public static string OpenBatchPathOf(string name, IProgress<long>? progress = null) => Make(
        name, Path.Combine(Folder, $"{name}-open.onnx"), new SampleModelOptions { Batch = 0 }, progress);

    /// <param name="folder">Where the file lies or is made.</param>
    /// <param name="progress">Gets the bytes written; may throw to stop.</param>
    /// <exception cref="ModelException">The file cannot be written.</exception>
    public static string PathOf(string name, double width, string folder, IProgress<long>? progress = null) => Make(
        name, Path.Combine(folder, FileName(name, width)), new SampleModelOptions { Width = width }, progress);

    public static bool Has(string name, double width, string folder) =>
        File.Exists(Path.Combine(folder, FileName(name, width)));

    private static string Make(string name, string path, SampleModelOptions options, IProgress<long>? progress)
    {
        if (File.Exists(path))
        {
            return path;
        }

        // Made under another name first: a model that was stopped halfway must not be taken for whole.
        var unfinished = $"{path}.{Environment.ProcessId}.unfinished";
        try
        {
            SampleModels.Create(name, unfinished, options, progress);
            File.Move(unfinished, path, overwrite: true);
        }
        finally
        {
            File.Delete(unfinished);
        }

        return path;
    }

    private static string FileName(string name, double width) =>
        string.Create(CultureInfo.InvariantCulture, $"{name}-w{width:0.####}.onnx");
}
