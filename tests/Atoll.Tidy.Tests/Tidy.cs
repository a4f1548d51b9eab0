namespace Atoll.Tidy.Tests;

/// <summary>Asserts that a rule found nothing, and prints all that it found.</summary>
internal static class Tidy
{
    public static void Holds(IEnumerable<string> violations)
    {
        var found = violations.ToList();
        Assert.True(found.Count == 0, string.Join('\n', found));
    }
}
