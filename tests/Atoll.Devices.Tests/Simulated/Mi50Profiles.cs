using System.Text.Json;

namespace Atoll.Devices.Tests;

/// <summary>
/// REEF's evaluation models as measured on an MI50 (SJTU-IPADS/reef-artifacts 8750974, Apache-2.0), found in the shared
/// data folder beside the repository or under ATOLL_SHARED.
/// </summary>
internal static class Mi50Profiles
{
    private const string FileName = "reef-mi50-profiles.json";

    public static IReadOnlyList<Kernel> Load(string model)
    {
        using var document = JsonDocument.Parse(File.ReadAllText(FindOrSkip()));
        var entry = document.RootElement.GetProperty("models").GetProperty(model);
        SimulatedKernel[] kernels = [.. entry.GetProperty("kernels").EnumerateArray().Select(k => new SimulatedKernel(
            k.GetProperty("kernel").GetString()!,
            k.GetProperty("blocks").GetInt32(),
            [.. k.GetProperty("occupancy_latency_us").EnumerateArray().Select(us => us.GetDouble())],
            k.GetProperty("total_us").GetDouble()))];
        return [.. entry.GetProperty("launches").EnumerateArray().Select(index => kernels[index.GetInt32()])];
    }

    private static string FindOrSkip()
    {
        var named = Environment.GetEnvironmentVariable("ATOLL_SHARED");
        var roots = named is null ? Parents().Select(folder => Path.Combine(folder, "shared")) : [named];
        var found = roots.Select(root => Path.Combine(root, "data", FileName)).FirstOrDefault(File.Exists);
        if (found is null)
        {
            Assert.Skip($"../shared/data/{FileName} is absent (ATOLL_SHARED={named})");
        }

        return found;
    }

    private static IEnumerable<string> Parents()
    {
        for (var folder = new DirectoryInfo(AppContext.BaseDirectory); folder is not null; folder = folder.Parent)
        {
            yield return folder.FullName;
        }
    }
}
