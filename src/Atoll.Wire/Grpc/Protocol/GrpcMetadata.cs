using System.Buffers;
using System.Collections;

namespace Atoll.Wire;

/// <summary>
/// Headers or trailers of a call: names in lower case with text, or with bytes where the name ends in <c>-bin</c>. A
/// name may occur more than once. Not thread-safe.
/// </summary>
public sealed class GrpcMetadata : IEnumerable<KeyValuePair<string, string>>
{
    private const string BinarySuffix = "-bin";
    private static readonly SearchValues<char> NameCharacters =
        SearchValues.Create("abcdefghijklmnopqrstuvwxyz0123456789-_.");

    private readonly List<KeyValuePair<string, string>> _entries = [];

    public int Count => _entries.Count;

    /// <summary>The last value under a name as text; null when there is none.</summary>
    public string? this[string name] => _entries.FindLast(entry => entry.Key == name).Value;

    /// <summary>Adds text of visible ASCII characters and spaces.</summary>
    /// <exception cref="ArgumentException">The name or the text cannot be sent, or the name is the
    /// protocol's.</exception>
    public void Add(string name, string value)
    {
        CheckName(name);
        if (name.EndsWith(BinarySuffix, StringComparison.Ordinal))
        {
            throw new ArgumentException(
                $"metadata '{name}' ends in {BinarySuffix}, so its value is bytes", nameof(name));
        }

        if (value.AsSpan().ContainsAnyExceptInRange(' ', '~'))
        {
            throw new ArgumentException(
                $"metadata '{name}' holds characters other than visible ASCII; use a name that ends in " +
                $"{BinarySuffix} for bytes", nameof(value));
        }

        _entries.Add(new(name, value));
    }

    /// <summary>Adds bytes under a name that ends in <c>-bin</c>.</summary>
    /// <exception cref="ArgumentException">The name cannot be sent, or does not end so.</exception>
    public void AddBytes(string name, ReadOnlySpan<byte> value)
    {
        CheckName(name);
        if (!name.EndsWith(BinarySuffix, StringComparison.Ordinal))
        {
            throw new ArgumentException(
                $"metadata '{name}' holds bytes, so it must end in {BinarySuffix}", nameof(name));
        }

        _entries.Add(new(name, Convert.ToBase64String(value)));
    }

    /// <summary>The last bytes under a name; null when there are none or they are not base64.</summary>
    public byte[]? Bytes(string name)
    {
        if (this[name] is not { } text)
        {
            return null;
        }

        // Senders may leave the padding out.
        var padded = text.Length % 4 == 0 ? text : text + new string('=', 4 - (text.Length % 4));
        var bytes = new byte[(padded.Length / 4 * 3) + 1];
        return Convert.TryFromBase64String(padded, bytes, out var length) ? bytes[..length] : null;
    }

    public IEnumerator<KeyValuePair<string, string>> GetEnumerator() => _entries.GetEnumerator();

    IEnumerator IEnumerable.GetEnumerator() => GetEnumerator();

    /// <summary>Takes an entry as the wire gave it.</summary>
    internal void AddReceived(string name, string value) => _entries.Add(new(name, value));

    private static void CheckName(string name)
    {
        ArgumentException.ThrowIfNullOrEmpty(name);
        if (name.AsSpan().ContainsAnyExcept(NameCharacters))
        {
            throw new ArgumentException(
                $"metadata name '{name}' may hold a to z, 0 to 9, '-', '_' and '.' only", nameof(name));
        }

        if (GrpcHeaders.IsReserved(name))
        {
            throw new ArgumentException($"metadata name '{name}' is the protocol's own", nameof(name));
        }
    }
}
