using System.Globalization;
using Atoll.Models.Onnx;

namespace Atoll.Models;

/// <summary>
/// Reads tensor bytes kept beside the model file; a location must stay inside the model's folder and pass through no
/// link.
/// </summary>
internal sealed class ExternalData(string? folder)
{
    // Some exporters give each tensor a file; past this number they are read at once, so that few are open.
    private const int OpenFilesMax = 16;

    private readonly Dictionary<string, DataFile> _open = [];

    /// <param name="tensor">A tensor whose data location is external.</param>
    /// <param name="bytes">Bytes that its shape and type ask for, already checked against the limits.</param>
    public RawData Read(TensorProto tensor, long bytes)
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
            return Read(tensor.Name, path, offset, bytes);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new ModelException(ModelError.ExternalData,
                $"tensor '{tensor.Name}': cannot read '{path}': {e.Message}", e);
        }
    }

    private RawData Read(string name, string path, long offset, long bytes)
    {
        var staysOpen = _open.TryGetValue(path, out var file) ||
            (bytes >= RawRecords.BytesMin && _open.Count < OpenFilesMax);
        file ??= new DataFile(path);
        try
        {
            if (offset > file.Length || bytes > file.Length - offset)
            {
                throw Refused(name, $"needs bytes {offset}..{offset + bytes} of '{path}', which has {file.Length}");
            }

            if (bytes >= RawRecords.BytesMin && staysOpen)
            {
                _open[path] = file;
                return new RawData(null, new FileRegion(file, offset, bytes));
            }

            var data = new byte[bytes];
            file.Read(offset, data);
            return new RawData(data, null);
        }
        finally
        {
            if (!_open.ContainsKey(path))
            {
                file.Dispose();
            }
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
