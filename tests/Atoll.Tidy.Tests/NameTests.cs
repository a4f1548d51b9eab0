using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.CSharp;
using Microsoft.CodeAnalysis.CSharp.Syntax;

namespace Atoll.Tidy.Tests;

/// <summary>One word per thing, and no word that says nothing.</summary>
public sealed class NameTests
{
    private static readonly string[] Empty =
        ["Utils", "Util", "Utilities", "Common", "Helpers", "Helper", "Managers", "Manager", "Core", "Misc"];

    [Fact]
    public void No_folder_file_or_type_is_named_by_an_empty_word() => Tidy.Holds(
        from file in Repository.Sources
        from name in file.Path[..^3].Split('/').Concat(TypesIn(file).Select(type => type.Identifier.Text))
        where Empty.Any(word => name == word || name.EndsWith(word, StringComparison.Ordinal))
        select $"{file.Path}: {name}");

    [Fact]
    public void No_public_type_is_named_like_a_room_or_a_type_of_the_implicit_usings()
    {
        var taken = Repository.Rooms.Select(room => room.Split('.')[^1]).Concat(ImplicitTypes()).ToHashSet();
        Tidy.Holds(
            from file in Repository.ProductSources
            from type in TypesIn(file)
            where type.Parent is not TypeDeclarationSyntax && type.Modifiers.Any(SyntaxKind.PublicKeyword)
            where taken.Contains(type.Identifier.Text)
            select $"{file.Path}: {type.Identifier.Text}");
    }

    [Fact]
    public void A_namespace_is_the_name_of_its_project() => Tidy.Holds(
        from file in Repository.Sources
        where file.Path.Split('/')[0] is "src" or "tests"
        let project = file.Path.Split('/')[1]
        from space in file.Syntax.DescendantNodes().OfType<BaseNamespaceDeclarationSyntax>()
        where space.Name.ToString() != project
        select $"{file.Path}: namespace {space.Name}, not {project}");

    [Fact]
    public void Every_public_type_says_what_it_is_for() => Tidy.Holds(
        from file in Repository.ProductSources
        from type in TypesIn(file)
        where type.Parent is not TypeDeclarationSyntax && type.Modifiers.Any(SyntaxKind.PublicKeyword)
        where !type.GetLeadingTrivia().Any(SyntaxKind.SingleLineDocumentationCommentTrivia)
        select $"{file.Path}: {type.Identifier.Text} has no summary");

    private static IEnumerable<BaseTypeDeclarationSyntax> TypesIn(SourceFile file) => file.Syntax
        .DescendantNodes(node => node is not BaseMethodDeclarationSyntax).OfType<BaseTypeDeclarationSyntax>();

    private static IEnumerable<string> ImplicitTypes()
    {
        string[] spaces =
        [
            "System", "System.Collections.Generic", "System.IO", "System.Linq", "System.Net.Http", "System.Threading",
            "System.Threading.Tasks",
        ];
        Type[] samples =
        [
            typeof(object), typeof(SortedSet<>), typeof(Enumerable), typeof(HttpClient), typeof(Barrier),
            typeof(Parallel), typeof(Uri), typeof(Console),
        ];
        return samples.Select(type => type.Assembly).Distinct()
            .SelectMany(assembly => assembly.GetExportedTypes())
            .Where(type => spaces.Contains(type.Namespace) && !type.IsNested)
            .Select(type => type.Name.Split('`')[0]);
    }
}
