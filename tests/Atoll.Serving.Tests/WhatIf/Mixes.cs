namespace Atoll.Serving.Tests;

/// <summary>Loads with linear profiles (alpha, beta in ms).</summary>
internal static class Mixes
{
    /// <summary>Equal models on equal devices.</summary>
    public static ClusterLoad Equal(int models, int devices, double alpha, double beta, double rate = 100) =>
        Of(devices, [.. Enumerable.Repeat((alpha, beta, 100.0, rate), models)]);

    public static ClusterLoad Of(
        int devices, params (double Alpha, double Beta, double ObjectiveMs, double Rate)[] models) =>
        new(new PlanRequest
        {
            Devices = [new DeviceKind("gpu", devices)],
            Profiles = [.. models.Select((m, i) => BatchProfile.Linear($"m{i}", "gpu", m.Alpha, m.Beta, 128))],
            Sessions = [.. models.Select((m, i) =>
                new SessionSpec($"s{i}", $"m{i}", TimeSpan.FromMilliseconds(m.ObjectiveMs), m.Rate))],
        });
}
