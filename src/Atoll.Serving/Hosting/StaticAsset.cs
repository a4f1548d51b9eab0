using System.Reflection;

namespace Atoll.Serving;

/// <summary>One file of the live page, held in memory. It is public: it holds no data of its own.</summary>
public sealed record StaticAsset(string ContentType, ReadOnlyMemory<byte> Body)
{
    /// <summary>
    /// Reads resources of one type that are embedded in an assembly under their logical names, one after another.
    /// </summary>
    /// <exception cref="ArgumentException">There is no such resource, or its ending is unknown.</exception>
    public static StaticAsset Embedded(Assembly assembly, params ReadOnlySpan<string> names)
    {
        using var body = new MemoryStream();
        foreach (var name in names)
        {
            using var stream = assembly.GetManifestResourceStream(name)
                ?? throw new ArgumentException($"assembly {assembly.GetName().Name} has no resource '{name}'");
            stream.CopyTo(body);
        }

        return new StaticAsset(TypeOf(names[0]), body.ToArray());
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
