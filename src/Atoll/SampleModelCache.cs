using System.Globalization;
using Atoll.Models;

namespace Atoll;

/// <summary>Sample models made on first use and kept in the user's data folder, since making a large one takes seconds.</summary>
internal static class SampleModelCache
{
    public static string Folder { get; } = Path.Combine(
        Environment.GetFolderPath(Environment.SpecialFolder.LocalApplicationData, Environment.SpecialFolderOption.Create), "atoll", "models");

    /// <summary>Path of the model's file; makes it if it is not there.</summary>
    public static string PathOf(string name, double width)
    {
        var file = string.Create(CultureInfo.InvariantCulture, $"{name}-w{width:0.####}.onnx");
        var path = Path.Combine(Folder, file);
        if (!File.Exists(path))
        {
            Directory.CreateDirectory(Folder);
            SampleModels.Create(name, path, new SampleModelOptions { Width = width });
        }

        return path;
    }
}
