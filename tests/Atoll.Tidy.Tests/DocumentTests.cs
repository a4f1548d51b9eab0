using System.Text.RegularExpressions;
using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.CSharp;
using Microsoft.CodeAnalysis.CSharp.Syntax;

namespace Atoll.Tidy.Tests;

/// <summary>Prose that names identifiers rots unless a test checks it.</summary>
public sealed partial class DocumentTests
{
    private static readonly string[] Roots = ["README.md", "CONTRIBUTING.md"];

    private static IEnumerable<string> Documents =>
        Repository.Files("docs", "*.md").Concat(Roots.Where(path => File.Exists(Path.Combine(Repository.Root, path))));

    [Fact]
    public void Identifiers_named_in_documents_exist()
    {
        var known = Repository.Sources
            .SelectMany(file => file.Syntax.DescendantTokens())
            .Where(token => token.IsKind(SyntaxKind.IdentifierToken))
            .Select(token => token.ValueText)
            .Concat(Repository.Rooms.SelectMany(room => room.Split('.')))
            .ToHashSet();
        Tidy.Holds(
            from document in Documents
            from Match quoted in Quoted().Matches(WithoutFences(Repository.Read(document)))
            let text = quoted.Groups[1].Value
            where Identifier().IsMatch(text) && !text.Split('.').All(known.Contains)
            select $"{document}: `{text}` does not exist");
    }

    [Fact]
    public void Links_between_documents_lead_somewhere() => Tidy.Holds(
        from document in Documents.Append("CHANGELOG.md")
        where File.Exists(Path.Combine(Repository.Root, document))
        from Match link in Link().Matches(Repository.Read(document))
        let target = link.Groups[1].Value.Split('#')[0]
        where target.Length > 0 && !target.Contains("://", StringComparison.Ordinal)
        let path = Path.Combine(Repository.Root, Path.GetDirectoryName(document)!, target)
        where !File.Exists(path) && !Directory.Exists(path)
        select $"{document}: {target}");

    [Fact]
    public void Every_word_of_the_glossary_is_a_public_type()
    {
        var types = Repository.ProductSources
            .SelectMany(file => file.Syntax.DescendantNodes().OfType<BaseTypeDeclarationSyntax>())
            .Where(type => type.Modifiers.Any(SyntaxKind.PublicKeyword))
            .Select(type => type.Identifier.ValueText)
            .ToHashSet();
        var words = Word().Matches(Repository.Read("docs/glossary.md")).Select(match => match.Groups[1].Value).ToList();
        Assert.NotEmpty(words);
        Tidy.Holds(words.Where(word => !types.Contains(word)));
    }

    [Fact]
    public void The_architecture_page_is_at_most_200_lines_and_names_every_room()
    {
        var text = Repository.Read("docs/ARCHITECTURE.md");
        Assert.InRange(text.Split('\n').Length, 10, 200);
        Tidy.Holds(Repository.Rooms.Where(room => !text.Contains($"`{room}`", StringComparison.Ordinal)));
    }

    private static string WithoutFences(string text) => Fence().Replace(text, "");

    // Two humps, or dotted: `DeviceStream`, `Device.Load`. One hump (`Linux`) may be an ordinary word.
    [GeneratedRegex(@"^(?:[A-Z][a-z0-9]+(?:[A-Z][A-Za-z0-9]*)+|[A-Z]\w+(?:\.[A-Z]\w+)+)$")]
    private static partial Regex Identifier();

    [GeneratedRegex(@"^\| `(\w+)` \|", RegexOptions.Multiline)]
    private static partial Regex Word();

    [GeneratedRegex("`([^`\n]+)`")]
    private static partial Regex Quoted();

    [GeneratedRegex("^```.*?^```", RegexOptions.Singleline | RegexOptions.Multiline)]
    private static partial Regex Fence();

    [GeneratedRegex(@"\]\(([^)\s]+)\)")]
    private static partial Regex Link();
}
