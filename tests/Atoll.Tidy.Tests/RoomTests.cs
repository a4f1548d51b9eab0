using System.Xml.Linq;

namespace Atoll.Tidy.Tests;

/// <summary>Rooms stand on floors; references point down only, and each edge is a listed decision.</summary>
public sealed class RoomTests
{
    private static readonly Dictionary<string, int> Floors = new()
    {
        ["Atoll.Simulation"] = -1,
        ["Atoll.Devices"] = 0,
        ["Atoll.Wire"] = 0,
        ["Atoll.Kernels"] = 1,
        ["Atoll.Cluster"] = 1,
        ["Atoll.Models"] = 2,
        ["Atoll.Tasks"] = 2,
        ["Atoll.Files"] = 2,
        ["Atoll.Parameters"] = 2,
        ["Atoll.Serving"] = 3,
        ["Atoll.Training"] = 3,
        ["Atoll.Jobs"] = 3,
        ["Atoll.Kubernetes"] = 3,
        ["Atoll"] = 4,
    };

    private static readonly HashSet<(string From, string To)> Edges =
    [
        ("Atoll.Devices", "Atoll.Simulation"),
        ("Atoll.Kernels", "Atoll.Devices"),
        ("Atoll.Models", "Atoll.Devices"),
        ("Atoll.Models", "Atoll.Kernels"),
        ("Atoll.Serving", "Atoll.Devices"),
        ("Atoll.Serving", "Atoll.Models"),
        ("Atoll.Serving", "Atoll.Simulation"),
        ("Atoll.Serving", "Atoll.Wire"),
        ("Atoll", "Atoll.Devices"),
        ("Atoll", "Atoll.Kernels"),
        ("Atoll", "Atoll.Models"),
        ("Atoll", "Atoll.Serving"),
    ];

    [Fact]
    public void Every_room_stands_on_a_floor() => Tidy.Holds(
        Repository.Rooms.Where(room => !Floors.ContainsKey(room)).Select(room => $"{room} is on no floor"));

    [Fact]
    public void References_between_rooms_are_listed_and_point_down() => Tidy.Holds(
        from room in Repository.Rooms
        from target in References($"src/{room}/{room}.csproj")
        where !Edges.Contains((room, target)) || Floors[target] >= Floors[room]
        select $"new edge {room} -> {target}");

    [Fact]
    public void Every_listed_edge_exists_and_points_down() => Tidy.Holds(
        from edge in Edges
        where Floors[edge.To] >= Floors[edge.From] ||
            !References($"src/{edge.From}/{edge.From}.csproj").Contains(edge.To)
        select $"{edge.From} -> {edge.To}");

    [Fact]
    public void Every_room_holds_code_and_has_tests_that_mirror_it() => Tidy.Holds(
        from room in Repository.Rooms
        let code = Repository.Files($"src/{room}", "*.cs").Count()
        let tests = Repository.Files($"tests/{room}.Tests", "*Tests.cs").Count()
        where code == 0 || tests == 0 || !File.Exists(Path.Combine(Repository.Root, $"src/{room}/{room}.csproj"))
        select $"{room}: {code} source files, {tests} test files");

    [Fact]
    public void A_test_project_references_the_room_that_it_mirrors_and_only_rooms_below() => Tidy.Holds(
        from room in Repository.Rooms
        let references = References($"tests/{room}.Tests/{room}.Tests.csproj").ToList()
        where !references.Contains(room) || references.Any(target => Floors.GetValueOrDefault(target) > Floors[room])
        select $"tests of {room} reference {string.Join(", ", references)}");

    [Fact]
    public void The_solution_builds_every_project() => Tidy.Holds(
        from project in Repository.Projects
        where !Repository.Read("Atoll.slnx").Contains($"\"{project}\"", StringComparison.Ordinal)
        select $"{project} is not in Atoll.slnx");

    private static IEnumerable<string> References(string project) =>
        XDocument.Parse(Repository.Read(project)).Descendants("ProjectReference")
            .Where(element => element.Attribute("OutputItemType")?.Value != "Analyzer")
            .Select(element => Path.GetFileNameWithoutExtension(element.Attribute("Include")!.Value));
}
