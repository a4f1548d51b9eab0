using System.Buffers;
using System.Globalization;
using System.Text;

namespace Atoll.Wire;

/// <summary>
/// The form of <c>grpc-message</c>: UTF-8 with every byte but visible ASCII and space, and the percent sign, as %XX.
/// </summary>
internal static class PercentEncoding
{
    /// <summary>Longest message that is sent; headers are bounded at every client.</summary>
    private const int MaxCharacters = 4096;

    private static readonly SearchValues<byte> Plain = SearchValues.Create(
        [.. Enumerable.Range(' ', '~' - ' ' + 1).Where(code => code != '%').Select(code => (byte)code)]);

    public static string Encode(string text)
    {
        var shown = text.Length <= MaxCharacters ? text : string.Concat(text.AsSpan(0, MaxCharacters - 1), "…");
        var bytes = Encoding.UTF8.GetBytes(shown);
        if (!bytes.AsSpan().ContainsAnyExcept(Plain))
        {
            return shown;
        }

        var encoded = new StringBuilder(bytes.Length + 16);
        foreach (var code in bytes)
        {
            _ = Plain.Contains(code)
                ? encoded.Append((char)code)
                : encoded.Append(CultureInfo.InvariantCulture, $"%{code:X2}");
        }

        return encoded.ToString();
    }

    /// <summary>What cannot be decoded stays as it is: a broken message is better than none.</summary>
    public static string Decode(string text)
    {
        if (!text.Contains('%', StringComparison.Ordinal))
        {
            return text;
        }

        var bytes = Encoding.UTF8.GetBytes(text);
        var length = 0;
        for (var i = 0; i < bytes.Length; i++)
        {
            if (bytes[i] == '%' && i + 2 < bytes.Length &&
                byte.TryParse(bytes.AsSpan(i + 1, 2), NumberStyles.AllowHexSpecifier, null, out var code))
            {
                bytes[length++] = code;
                i += 2;
            }
            else
            {
                bytes[length++] = bytes[i];
            }
        }

        return Encoding.UTF8.GetString(bytes, 0, length);
    }
}
