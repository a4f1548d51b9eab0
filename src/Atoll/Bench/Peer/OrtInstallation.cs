using System.Reflection;

namespace Atoll;

/// <summary>Where ONNX Runtime's npm package lies, and the scripts that drive it.</summary>
internal static class OrtInstallation
{
    /// <summary>ATOLL_PEER, or /opt/peer.</summary>
    public static string Folder => Environment.GetEnvironmentVariable("ATOLL_PEER") ?? "/opt/peer";

    /// <exception cref="UsageException">The npm package is not there.</exception>
    public static void Require()
    {
        if (!Directory.Exists(Path.Combine(Folder, "node_modules", "onnxruntime-node")))
        {
            throw new UsageException(
                $"ONNX Runtime was not found in '{Folder}': npm install onnxruntime-node@1.30.0 there, " +
                "or name its folder in the environment variable ATOLL_PEER");
        }
    }

    /// <summary>Writes an embedded script into a folder of its own; the caller deletes that folder.</summary>
    public static string WriteScript(string name)
    {
        using var source = Assembly.GetExecutingAssembly().GetManifestResourceStream(name)!;
        var path = Path.Combine(Directory.CreateTempSubdirectory("atoll-ort-").FullName, name);
        using var target = File.Create(path);
        source.CopyTo(target);
        return path;
    }
}
