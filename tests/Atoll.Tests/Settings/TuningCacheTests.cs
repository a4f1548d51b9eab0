namespace Atoll.Tests;

/// <summary>Where measured kernel choices are kept.</summary>
public sealed class TuningCacheTests
{
    [Theory]
    [InlineData("/var/cache", "/home/a", "/var/cache/atoll")]
    [InlineData(null, "/home/a", "/home/a/.cache/atoll")]
    [InlineData("", "/home/a", "/home/a/.cache/atoll")]
    [InlineData("cache", "/home/a", "/home/a/.cache/atoll")]
    [InlineData(null, "", null)]
    [InlineData("cache", "home", null)]
    public void Only_an_absolute_folder_is_taken(string? cache, string home, string? folder) =>
        Assert.Equal(folder, TuningCache.FolderOf(cache, home));
}
