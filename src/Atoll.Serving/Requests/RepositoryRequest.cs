using System.Text.Json;

namespace Atoll.Serving;

/// <summary>Reads the bodies of the model repository extension; an empty body asks for nothing special.</summary>
internal static class RepositoryRequest
{
    /// <summary>Before the path in the names of files that a load brings along.</summary>
    public const string FilePrefix = "file:";

    /// <summary>Whether only ready models are asked for.</summary>
    /// <exception cref="RequestException">The body is not what the protocol says.</exception>
    public static bool ReadIndex(ReadOnlyMemory<byte> body)
    {
        using var document = Parse(body);
        return Read(() => document is not null && document.RootElement.TryGetProperty("ready", out var ready) &&
            Flag(ready, "'ready'"));
    }

    /// <exception cref="RequestException">The body is not what the protocol says.</exception>
    public static ModelOverride ReadLoad(ReadOnlyMemory<byte> body)
    {
        using var document = Parse(body);
        return Read(() => ReadLoad(document));
    }

    /// <summary>Whether the queries that run the model are to be gone with it: `unload_dependents`.</summary>
    /// <exception cref="RequestException">The body is not what the protocol says.</exception>
    public static bool ReadUnload(ReadOnlyMemory<byte> body)
    {
        using var document = Parse(body);
        return Read(() => ReadUnload(document));
    }

    /// <summary>Text is looked at only when it is read: lone surrogates and bad UTF-8 show then.</summary>
    private static T Read<T>(Func<T> read)
    {
        try
        {
            return read();
        }
        catch (InvalidOperationException e)
        {
            throw RequestException.BadRequest($"request body has text that is not valid: {e.Message}");
        }
    }

    private static ModelOverride ReadLoad(JsonDocument? document)
    {
        string? configuration = null;
        var files = new Dictionary<string, byte[]>();
        foreach (var parameter in ParametersOf(document))
        {
            if (parameter.Name == "config")
            {
                configuration = Text(parameter.Value, "parameter 'config'");
            }
            else if (parameter.Name.StartsWith(FilePrefix, StringComparison.Ordinal))
            {
                files[parameter.Name[FilePrefix.Length..]] = Base64(parameter);
            }
            else
            {
                throw UnknownOfLoad(parameter.Name);
            }
        }

        return Override(configuration, files);
    }

    /// <exception cref="RequestException">More files than allowed.</exception>
    public static ModelOverride Override(string? configuration, Dictionary<string, byte[]> files) =>
        files.Count <= ModelOverride.MostFiles
            ? new ModelOverride { Configuration = configuration, Files = files }
            : throw RequestException.BadRequest(
                $"{files.Count} files are given; {ModelOverride.MostFiles} are allowed");

    public static RequestException UnknownOfLoad(string parameter) => RequestException.BadRequest(
        $"parameter '{parameter}' is unknown; a load takes 'config' and 'file:VERSION/PATH'");

    public static RequestException UnknownOfUnload(string parameter) => RequestException.BadRequest(
        $"parameter '{parameter}' is unknown; an unload takes 'unload_dependents'");

    private static bool ReadUnload(JsonDocument? document)
    {
        var withDependents = false;
        foreach (var parameter in ParametersOf(document))
        {
            if (parameter.Name != "unload_dependents")
            {
                throw UnknownOfUnload(parameter.Name);
            }

            withDependents = Flag(parameter.Value, "parameter 'unload_dependents'");
        }

        return withDependents;
    }

    private static JsonDocument? Parse(ReadOnlyMemory<byte> body)
    {
        if (body.IsEmpty)
        {
            return null;
        }

        JsonDocument document;
        try
        {
            document = JsonDocument.Parse(body);
        }
        catch (JsonException e)
        {
            throw RequestException.BadRequest($"request body is not valid JSON: {e.Message}");
        }

        if (document.RootElement.ValueKind == JsonValueKind.Object)
        {
            return document;
        }

        document.Dispose();
        throw RequestException.BadRequest("request body must be a JSON object");
    }

    private static JsonElement.ObjectEnumerator ParametersOf(JsonDocument? document)
    {
        if (document is null || !document.RootElement.TryGetProperty("parameters", out var parameters))
        {
            return default;
        }

        return parameters.ValueKind == JsonValueKind.Object
            ? parameters.EnumerateObject()
            : throw RequestException.BadRequest("'parameters' must be an object");
    }

    private static bool Flag(JsonElement value, string what) => value.ValueKind switch
    {
        JsonValueKind.True => true,
        JsonValueKind.False => false,
        _ => throw RequestException.BadRequest($"{what} must be true or false"),
    };

    private static string Text(JsonElement value, string what) => value.ValueKind == JsonValueKind.String
        ? value.GetString()!
        : throw RequestException.BadRequest($"{what} must be a string");

    private static byte[] Base64(JsonProperty parameter)
    {
        try
        {
            return Convert.FromBase64String(Text(parameter.Value, $"parameter '{parameter.Name}'"));
        }
        catch (FormatException e)
        {
            throw RequestException.BadRequest($"parameter '{parameter.Name}' is not base64: {e.Message}");
        }
    }
}
