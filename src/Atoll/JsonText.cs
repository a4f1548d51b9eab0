using System.Text.Encodings.Web;
using System.Text.Json;

namespace Atoll;

/// <summary>How the command prints JSON: names in snake case, characters as they are.</summary>
internal static class JsonText
{
    public static readonly JsonSerializerOptions Indented = new()
    {
        WriteIndented = true,
        PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower,
        Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
    };

    public static readonly JsonSerializerOptions Compact = new(Indented) { WriteIndented = false };
}
