using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.CSharp;
using Microsoft.CodeAnalysis.CSharp.Syntax;

namespace Atoll.Tidy.Tests;

/// <summary>
/// The build gate stays shut: warnings are errors, clocks and random come from outside, nothing is left half done.
/// </summary>
public sealed class GateTests
{
    [Theory]
    [InlineData("P:System.DateTime.Now")]
    [InlineData("P:System.DateTime.UtcNow")]
    [InlineData("P:System.DateTimeOffset.UtcNow")]
    [InlineData("P:System.Environment.TickCount64")]
    [InlineData("M:System.Diagnostics.Stopwatch.GetTimestamp")]
    [InlineData("M:System.Diagnostics.Stopwatch.StartNew")]
    [InlineData("P:System.Random.Shared")]
    [InlineData("M:System.Random.#ctor")]
    [InlineData("M:System.Threading.Thread.Sleep(System.Int32)")]
    [InlineData("M:System.Threading.Thread.Sleep(System.TimeSpan)")]
    [InlineData("M:System.Threading.Tasks.Task.Delay(System.Int32)")]
    [InlineData("M:System.Threading.Tasks.Task.Delay(System.TimeSpan)")]
    public void Clocks_sleeps_and_unseeded_random_stay_banned(string symbol) =>
        Assert.Contains(
            Repository.Read("eng/BannedSymbols.txt").Split('\n'),
            line => line.StartsWith(symbol + ";", StringComparison.Ordinal));

    [Theory]
    [InlineData("<TreatWarningsAsErrors>true</TreatWarningsAsErrors>")]
    [InlineData("<Nullable>enable</Nullable>")]
    [InlineData("<AnalysisLevel>latest-recommended</AnalysisLevel>")]
    [InlineData("<EnforceCodeStyleInBuild>true</EnforceCodeStyleInBuild>")]
    [InlineData("Microsoft.CodeAnalysis.BannedApiAnalyzers")]
    [InlineData("eng/BannedSymbols.txt")]
    public void The_build_gate_stays_in_force(string setting) =>
        Assert.Contains(setting, Repository.Read("Directory.Build.props"), StringComparison.Ordinal);

    [Fact]
    public void No_source_turns_the_ban_off() => Tidy.Holds(
        from file in Repository.Sources
        from trivia in file.Syntax.DescendantTrivia(descendIntoTrivia: true)
        where trivia.GetStructure() is PragmaWarningDirectiveTriviaSyntax pragma &&
            pragma.ErrorCodes.Any(code => code.ToString() == "RS0030")
        select $"{file.Path}: {trivia}");

    [Fact]
    public void No_project_turns_warnings_off() => Tidy.Holds(
        from project in Repository.Projects
        where Repository.Read(project).Contains("RS0030", StringComparison.Ordinal) ||
            Repository.Read(project).Contains("<TreatWarningsAsErrors>false", StringComparison.Ordinal)
        select project);

    [Fact]
    public void No_region_and_no_note_to_self_is_left() => Tidy.Holds(
        from file in Repository.Sources
        from trivia in file.Syntax.DescendantTrivia()
        where trivia.IsKind(SyntaxKind.RegionDirectiveTrivia) ||
            (IsComment(trivia) && Notes.Any(note => trivia.ToString().Contains(note, StringComparison.Ordinal)))
        select $"{file.Path}: {trivia}");

    [Fact]
    public void No_unfinished_member_is_left() => Tidy.Holds(
        from file in Repository.ProductSources
        from created in file.Syntax.DescendantNodes().OfType<ObjectCreationExpressionSyntax>()
        where created.Type.ToString().EndsWith("NotImplementedException", StringComparison.Ordinal)
        select $"{file.Path}: {created}");

    private static readonly string[] Notes = ["TODO", "FIXME", "HACK", "XXX"];

    private static bool IsComment(SyntaxTrivia trivia) =>
        trivia.IsKind(SyntaxKind.SingleLineCommentTrivia) || trivia.IsKind(SyntaxKind.MultiLineCommentTrivia);
}
