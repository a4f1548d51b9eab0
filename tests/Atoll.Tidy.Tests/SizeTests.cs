using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.CSharp.Syntax;

namespace Atoll.Tidy.Tests;

/// <summary>Sizes that keep code readable. A limit is not raised; the code is split.</summary>
public sealed class SizeTests
{
    private const int MethodLines = 70;
    private const int FileLines = 400;
    private const int FileLinesWithReason = 800;
    private const int LineLength = 120;
    private const int InterfaceMembers = 5;
    private const string LargeFiles = "eng/tidy-large-files.txt";

    [Fact]
    public void No_method_is_longer_than_70_lines() => Tidy.Holds(
        from file in Repository.Sources
        from body in file.Syntax.DescendantNodes()
        where body is BaseMethodDeclarationSyntax or AccessorDeclarationSyntax or LocalFunctionStatementSyntax
        let lines = Lines(body)
        where lines > MethodLines
        select $"{Place(file, body)} has {lines} lines (limit {MethodLines})");

    [Fact]
    public void No_file_is_longer_than_400_lines_without_a_listed_reason_or_than_800_with_one()
    {
        var reasons = ReadReasons();
        Tidy.Holds(
            from file in Repository.Sources
            let limit = reasons.ContainsKey(file.Path) ? FileLinesWithReason : FileLines
            where file.Lines.Length > limit
            select $"{file.Path} has {file.Lines.Length} lines (limit {limit}; reasons: {LargeFiles})");
    }

    [Fact]
    public void Every_listed_large_file_is_large_and_has_a_reason()
    {
        var lines = Repository.Sources.ToDictionary(file => file.Path, file => file.Lines.Length);
        Tidy.Holds(
            from entry in ReadReasons()
            let length = lines.GetValueOrDefault(entry.Key)
            where length <= FileLines || entry.Value.Length < 10
            select $"{LargeFiles} lists {entry.Key} ({length} lines) with the reason '{entry.Value}'");
    }

    [Fact]
    public void No_line_is_longer_than_120_characters() => Tidy.Holds(
        from file in Repository.Sources
        from line in file.Lines.Index()
        where line.Item.Length > LineLength
        select $"{file.Path}:{line.Index + 1} has {line.Item.Length} characters (limit {LineLength})");

    [Fact]
    public void No_interface_has_more_than_5_members() => Tidy.Holds(
        from file in Repository.ProductSources
        from type in file.Syntax.DescendantNodes().OfType<InterfaceDeclarationSyntax>()
        where type.Members.Count > InterfaceMembers
        select $"{Place(file, type)} {type.Identifier} has {type.Members.Count} members (limit {InterfaceMembers})");

    private static Dictionary<string, string> ReadReasons() =>
        Repository.Read(LargeFiles).Split('\n')
            .Where(line => line.Length > 0 && line[0] != '#')
            .Select(line => line.Split(" # ", 2))
            .ToDictionary(parts => parts[0].Trim(), parts => parts.Length > 1 ? parts[1].Trim() : "");

    private static int Lines(SyntaxNode node)
    {
        var span = node.SyntaxTree.GetLineSpan(node.Span);
        return span.EndLinePosition.Line - span.StartLinePosition.Line + 1;
    }

    private static string Place(SourceFile file, SyntaxNode node) =>
        $"{file.Path}:{node.SyntaxTree.GetLineSpan(node.Span).StartLinePosition.Line + 1}";
}
