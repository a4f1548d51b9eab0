namespace Atoll.Wire;

/// <summary>What the wire could not do with its environment or options.</summary>
public enum WireError
{
    InvalidOption,
    AddressInUse,
    AddressUnavailable,
}

/// <summary>A host could not start; the message says what and where.</summary>
public sealed class WireException(WireError error, string message, Exception? inner = null)
    : Exception(message, inner)
{
    public WireError Error { get; } = error;
}
