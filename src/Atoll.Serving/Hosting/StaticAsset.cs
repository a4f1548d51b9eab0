using System.Reflection;

namespace Atoll.Serving;

/// <summary>One file of the live page, held in memory. It is public: it holds no data of its own.</summary>
public sealed record StaticAsset(string ContentType, ReadOnlyMemory<byte> Body)
{
    /// <summary>Reads a resource that is embedded in an assembly under its logical name.</summary>
    /// <exception cref="ArgumentException">There is no such resource, or its ending is unknown.</exception>
    public static StaticAsset Embedded(Assembly assembly, string name)
    {
        using var stream = assembly.GetManifestResourceStream(name)
            ?? throw new ArgumentException($"assembly {assembly.GetName().Name} has no resource '{name}'");
        var body = new byte[stream.Length];
        stream.ReadExactly(body);
        return new StaticAsset(TypeOf(name), body);
    }

    private static string TypeOf(string name) => Path.GetExtension(name) switch
    {
        ".html" => "text/html; charset=utf-8",
        ".js" => "text/javascript; charset=utf-8",
        ".css" => "text/css; charset=utf-8",
        ".svg" => "image/svg+xml",
        var other => throw new ArgumentException($"no content type is known for '{other}'"),
    };
}
