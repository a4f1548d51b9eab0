namespace Atoll;

/// <summary>The user asked for something that cannot be: the message says what, where and what is allowed.</summary>
internal sealed class UsageException : Exception
{
    public UsageException(string message)
        : base(message)
    {
    }

    public UsageException(string message, Exception inner)
        : base(message, inner)
    {
    }
}
