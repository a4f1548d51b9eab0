using System.CommandLine;
using System.Reflection;
using System.Runtime.InteropServices;

namespace Atoll;

/// <summary>`atoll version`: what runs here.</summary>
internal static class VersionCommand
{
    public static Command Create()
    {
        var command = new Command("version", "Print the version, the commit it was built from, .NET and the system.");
        command.SetAction(result => Print(result.InvocationConfiguration.Output));
        return command;
    }

    /// <summary>The version and, where the build knew it, the commit.</summary>
    public static (string Version, string? Commit) Read()
    {
        var text = typeof(VersionCommand).Assembly
            .GetCustomAttribute<AssemblyInformationalVersionAttribute>()!.InformationalVersion;
        var plus = text.IndexOf('+', StringComparison.Ordinal);
        return plus < 0 ? (text, null) : (text[..plus], text[(plus + 1)..]);
    }

    private static void Print(TextWriter output)
    {
        var (version, commit) = Read();
        var origin = commit is null ? "" : $" (commit {commit[..int.Min(12, commit.Length)]})";
        output.WriteLine($"atoll {version}{origin}");
        output.WriteLine($"{RuntimeInformation.FrameworkDescription} on {RuntimeInformation.OSDescription}, " +
            RuntimeInformation.ProcessArchitecture);
    }
}
