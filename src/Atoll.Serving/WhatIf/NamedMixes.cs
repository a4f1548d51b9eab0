namespace Atoll.Serving;

/// <summary>Loads on eight equal devices that dispatchers are measured with; latency is alpha × batch + beta.</summary>
public static class NamedMixes
{
    private const int Devices = 8;
    private const int BatchMax = 128;

    /// <summary>Mixes in which sessions are alike enough that all devices are shared.</summary>
    public static IReadOnlyList<string> Central { get; } =
        ["4 equal models", "16 equal models", "objectives 50 to 400 ms", "zipf", "12 unlike models", "one model"];

    /// <summary>All, those with short beside long objectives included.</summary>
    public static IReadOnlyList<string> All { get; } = [.. Central, "short and long", "three classes", "six in three"];

    /// <summary>The mix of this name; its rates give the proportions only.</summary>
    public static ClusterLoad Get(string name) => name switch
    {
        "4 equal models" => Of(Devices, [.. Enumerable.Repeat((1.0, 25.0, 100.0, 100.0), 4)]),
        "16 equal models" => Of(Devices, [.. Enumerable.Repeat((1.0, 15.0, 100.0, 100.0), 16)]),
        "objectives 50 to 400 ms" =>
            Of(Devices, (1, 10, 50, 100), (1, 10, 100, 100), (1, 10, 200, 100), (1, 10, 400, 100)),
        "zipf" => Of(Devices, [.. Enumerable.Range(1, 8).Select(i => (1.0, 15.0, 100.0, 400.0 / i))]),
        "12 unlike models" => Of(Devices, [.. Enumerable.Range(0, 12).Select(i => (
            0.3 + (0.25 * (i % 5)), 3.0 + (4 * (i % 4)), new[] { 40.0, 80, 150, 300 }[i % 4], 50.0 * (1 + (i % 3))))]),
        "one model" => Of(Devices, (1, 25, 100, 100)),
        "short and long" => Of(Devices, (0.3, 2, 20, 1000), (5, 20, 500, 60)),
        "three classes" => Of(Devices, (0.2, 1, 15, 1000), (1, 10, 100, 100), (10, 50, 1000, 20)),
        "six in three" => Of(Devices, (0.2, 1, 15, 300), (0.2, 2, 20, 200), (1, 10, 100, 100), (2, 10, 120, 100),
            (10, 50, 1000, 20), (5, 100, 2000, 10)),
        _ => throw new ArgumentOutOfRangeException(nameof(name), name, "there are: " + string.Join(", ", All)),
    };

    /// <summary>Models with linear latency on equal devices.</summary>
    public static ClusterLoad Of(
        int devices, params (double AlphaMs, double BetaMs, double ObjectiveMs, double Rate)[] models) =>
        new(new PlanRequest
        {
            Devices = [new DeviceKind("gpu", devices)],
            Profiles = [.. models.Select((m, i) => BatchProfile.Linear($"m{i}", "gpu", m.AlphaMs, m.BetaMs, BatchMax))],
            Sessions = [.. models.Select((m, i) =>
                new SessionSpec($"s{i}", $"m{i}", TimeSpan.FromMilliseconds(m.ObjectiveMs), m.Rate))],
        });
}
