namespace Atoll.Serving.Tests;

/// <summary>
/// Files of the systems' own publications in a `shared` folder above the checkout; absent: the test is skipped with
/// that reason.
/// </summary>
internal static class SharedData
{
    public static string Find(params string[] path)
    {
        var named = Environment.GetEnvironmentVariable("ATOLL_SHARED");
        var roots = named is null ? Parents().Select(folder => Path.Combine(folder, "shared")) : [named];
        var file = roots.Select(root => Path.Combine([root, "data", .. path])).FirstOrDefault(File.Exists);
        if (file is null)
        {
            Assert.Skip($"../shared/data/{string.Join('/', path)} is absent (ATOLL_SHARED={named})");
        }

        return file;
    }

    private static IEnumerable<string> Parents()
    {
        for (var folder = new DirectoryInfo(AppContext.BaseDirectory); folder is not null; folder = folder.Parent)
        {
            yield return folder.FullName;
        }
    }
}
