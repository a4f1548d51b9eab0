namespace Atoll.Models.Tests;

/// <summary>Tests that take minutes run only when asked for: ./test.sh --long sets ATOLL_LONG=1.</summary>
internal static class LongTests
{
    public static bool AreWanted => Environment.GetEnvironmentVariable("ATOLL_LONG") == "1";

    public static void SkipUnlessWanted() => Assert.SkipUnless(AreWanted, "takes minutes: ./test.sh --long runs it");
}
