using System.Security.Cryptography;
using System.Text;

namespace Atoll.Serving;

/// <summary>A bearer token that a client may show, and whether it may ask for real-time work.</summary>
public sealed record AccessToken(string Name, string Secret, bool AllowRealTime = true);

/// <summary>Knows the tokens and checks what a client shows, in time that does not depend on the secrets.</summary>
internal sealed class AccessControl(IReadOnlyList<AccessToken> tokens)
{
    private static readonly AccessToken Anyone = new("anyone", "");

    private readonly (AccessToken Token, byte[] Hash)[] _tokens = [.. tokens.Select(t => (t, Hash(t.Secret)))];

    /// <summary>
    /// The token in an Authorization header; null when one is needed and it holds none that is known.
    /// </summary>
    public AccessToken? Identify(string? authorization)
    {
        if (_tokens.Length == 0)
        {
            return Anyone;
        }

        const string Scheme = "Bearer ";
        if (authorization is null || !authorization.StartsWith(Scheme, StringComparison.OrdinalIgnoreCase))
        {
            return null;
        }

        var hash = Hash(authorization[Scheme.Length..].Trim());
        AccessToken? found = null;
        foreach (var (token, expected) in _tokens)
        {
            found = CryptographicOperations.FixedTimeEquals(hash, expected) ? token : found;
        }

        return found;
    }

    private static byte[] Hash(string secret) => SHA256.HashData(Encoding.UTF8.GetBytes(secret));
}
