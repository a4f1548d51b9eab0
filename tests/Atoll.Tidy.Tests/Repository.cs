using Microsoft.CodeAnalysis.CSharp;
using Microsoft.CodeAnalysis.CSharp.Syntax;

namespace Atoll.Tidy.Tests;

/// <summary>
/// The checkout that the tests were built from: its files, each source file parsed once (syntax only).
/// </summary>
internal static class Repository
{
    private static readonly string[] SourceFolders = ["src", "tests", "samples", "bench"];

    private static readonly Lazy<IReadOnlyList<SourceFile>> Parsed = new(() =>
        [.. SourceFolders.SelectMany(folder => Files(folder, "*.cs")).AsParallel().AsOrdered()
            .Select(SourceFile.Read)]);

    public static string Root { get; } = FindRoot();

    public static IReadOnlyList<SourceFile> Sources => Parsed.Value;

    public static IEnumerable<string> Projects => SourceFolders.SelectMany(folder => Files(folder, "*.csproj"));

    public static IEnumerable<SourceFile> ProductSources =>
        Sources.Where(file => file.Path.StartsWith("src/", StringComparison.Ordinal));

    /// <summary>The names of the room projects, e.g. `Atoll.Devices`; a source generator is part of its room.</summary>
    public static IReadOnlyList<string> Rooms { get; } =
        [.. Directory.EnumerateDirectories(Path.Combine(Root, "src")).Select(path => Path.GetFileName(path)!)
            .Where(name => !name.EndsWith(".Generator", StringComparison.Ordinal)).Order()];

    /// <summary>Paths relative to the root with forward slashes, build output and hidden folders left out.</summary>
    public static IEnumerable<string> Files(string folder, string pattern)
    {
        var path = Path.Combine(Root, folder);
        return !Directory.Exists(path)
            ? []
            : Directory.EnumerateFiles(path, pattern, SearchOption.AllDirectories)
                .Select(file => Path.GetRelativePath(Root, file).Replace('\\', '/'))
                .Where(file => !file.Split('/').Any(part => part is "bin" or "obj" or "artifacts" or "node_modules"))
                .Order(StringComparer.Ordinal);
    }

    public static string Read(string path) => File.ReadAllText(Path.Combine(Root, path));

    private static string FindRoot()
    {
        for (var folder = new DirectoryInfo(AppContext.BaseDirectory); folder is not null; folder = folder.Parent)
        {
            if (File.Exists(Path.Combine(folder.FullName, "Atoll.slnx")))
            {
                return folder.FullName;
            }
        }

        throw new DirectoryNotFoundException($"no Atoll.slnx above {AppContext.BaseDirectory}");
    }
}

/// <summary>One C# file: its path from the root, its lines and its syntax tree.</summary>
internal sealed record SourceFile(string Path, string[] Lines, CompilationUnitSyntax Syntax)
{
    public static SourceFile Read(string path)
    {
        var text = Repository.Read(path);
        var tree = CSharpSyntaxTree.ParseText(text, new CSharpParseOptions(LanguageVersion.Preview));
        var root = tree.GetCompilationUnitRoot();
        return new SourceFile(path, text.TrimEnd('\n').Split('\n'), root);
    }
}
