using System.Globalization;
using Atoll.Models.Onnx;

namespace Atoll.Models;

/// <summary>
/// Reads tensor bytes kept beside the model file; a location must stay inside the model's folder and pass through no
/// link.
/// </summary>
internal sealed class ExternalData(string? folder)
{
    /// <param name="tensor">A tensor whose data location is external.</param>
    /// <param name="bytes">Bytes that its shape and type ask for, already checked against the limits.</param>
    public byte[] Read(TensorProto tensor, long bytes)
    {
        var entries = new Dictionary<string, string>();
        foreach (var entry in tensor.ExternalData)
        {
            entries[entry.Key] = entry.Value;
        }
        var path = Resolve(tensor.Name, entries.GetValueOrDefault("location", ""));
        var offset = Number(tensor.Name, entries, "offset") ?? 0;
        var length = Number(tensor.Name, entries, "length");
        if (length is { } stated && stated != bytes)
        {
            throw Refused(tensor.Name, $"states {stated} bytes but its shape needs {bytes}");
        }
        try
        {
            using var file = File.OpenRead(path);
            if (offset > file.Length || bytes > file.Length - offset)
            {
                throw Refused(tensor.Name,
                    $"needs bytes {offset}..{offset + bytes} of '{path}', which has {file.Length}");
            }
            file.Position = offset;
            var data = new byte[bytes];
            file.ReadExactly(data);
            return data;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new ModelException(ModelError.ExternalData,
                $"tensor '{tensor.Name}': cannot read '{path}': {e.Message}", e);
        }
    }

    private string Resolve(string name, string location)
    {
        if (folder is null)
        {
            throw Refused(name, "is in external data, but the model was not read from a folder");
        }
        var parts = location.Split('/', '\\');
        if (location.Length == 0 || location.Contains('\0') || Path.IsPathRooted(location) || location.Contains(':') ||
            parts.Any(p => p is ".." or ""))
        {
            throw Refused(name, $"has its data at '{location}', which is not a plain path inside the model's folder");
        }
        var path = folder;
        foreach (var part in parts)
        {
            path = Path.Combine(path, part);
            if (new FileInfo(path).LinkTarget is not null)
            {
                throw Refused(name, $"has its data at '{location}', where '{part}' is a symbolic link");
            }
        }
        return File.Exists(path) ? path : throw Refused(name, $"has its data at '{path}', which does not exist");
    }

    private static long? Number(string name, Dictionary<string, string> entries, string key)
    {
        if (!entries.TryGetValue(key, out var text))
        {
            return null;
        }
        return long.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var value)
            ? value
            : throw Refused(name, $"has the external data {key} '{text}', which is not a whole number");
    }

    private static ModelException Refused(string name, string why) =>
        new(ModelError.ExternalData, $"tensor '{name}' {why}");
}
