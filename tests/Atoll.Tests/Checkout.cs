namespace Atoll.Tests;

/// <summary>The folder of the checkout that the tests were built from.</summary>
internal static class Checkout
{
    public static string Root { get; } = Find();

    private static string Find()
    {
        var folder = AppContext.BaseDirectory;
        while (!File.Exists(Path.Combine(folder, "Atoll.slnx")))
        {
            folder = Path.GetDirectoryName(folder) ?? throw new DirectoryNotFoundException(AppContext.BaseDirectory);
        }

        return folder;
    }
}
