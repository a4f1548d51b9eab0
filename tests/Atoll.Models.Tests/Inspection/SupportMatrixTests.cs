using System.Runtime.CompilerServices;

namespace Atoll.Models.Tests;

public sealed class SupportMatrixTests
{
    [Fact]
    public void The_page_of_operators_is_what_the_table_says() => Assert.True(
        File.ReadAllText(Page()) == SupportMatrix.WriteMarkdown(),
        "docs/operators.md is out of date: dotnet run --project src/Atoll -- model operators --markdown > " +
            "docs/operators.md");

    private static string Page([CallerFilePath] string source = "") =>
        Path.Combine(Path.GetDirectoryName(source)!, "../../../docs/operators.md");
}
