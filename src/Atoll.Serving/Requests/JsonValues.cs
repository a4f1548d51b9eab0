using System.Text.Json;

namespace Atoll.Serving;

/// <summary>Reads the value after a property name, or says what is wrong with it.</summary>
internal static class JsonValues
{
    /// <summary>Most dimensions of a tensor.</summary>
    public const int MaxRank = 16;

    public static void Expect(ref Utf8JsonReader json, JsonTokenType type, string otherwise)
    {
        if (!json.Read() || json.TokenType != type)
        {
            throw RequestException.BadRequest(otherwise);
        }
    }

    public static string Text(ref Utf8JsonReader json, string what)
    {
        Expect(ref json, JsonTokenType.String, $"{what} must be a string");
        return json.GetString()!;
    }

    public static bool Flag(ref Utf8JsonReader json, string what)
    {
        json.Read();
        return json.TokenType is JsonTokenType.True or JsonTokenType.False
            ? json.TokenType == JsonTokenType.True
            : throw RequestException.BadRequest($"{what} must be true or false");
    }

    /// <summary>A whole number from 0 to <paramref name="most"/>.</summary>
    public static long Whole(ref Utf8JsonReader json, string what, long most)
    {
        json.Read();
        return json.TokenType == JsonTokenType.Number && json.TryGetInt64(out var value) && value >= 0 && value <= most
            ? value
            : throw RequestException.BadRequest($"{what} must be a whole number from 0 to {most}");
    }

    public static long[] Shape(ref Utf8JsonReader json)
    {
        Expect(ref json, JsonTokenType.StartArray, "shape must be an array");
        var dims = new long[MaxRank];
        var rank = 0;
        while (json.Read() && json.TokenType != JsonTokenType.EndArray)
        {
            if (rank == MaxRank)
            {
                throw RequestException.BadRequest($"shape has more than {MaxRank} dimensions");
            }

            dims[rank++] = json.TokenType == JsonTokenType.Number && json.TryGetInt64(out var dim) && dim >= 0
                ? dim
                : throw RequestException.BadRequest("each dimension of a shape must be a whole number of at least 0");
        }

        return dims[..rank];
    }
}
