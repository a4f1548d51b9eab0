namespace Atoll.Serving.Tests;

/// <summary>The three models of the paper's example (Nexus, SOSP 2019, table 2) and helpers to plan them.</summary>
internal static class PaperProfiles
{
    public static readonly IReadOnlyList<BatchProfile> PointsOnly = Profiles(pointsOnly: true);

    public static readonly IReadOnlyList<BatchProfile> Interpolated = Profiles(pointsOnly: false);

    public static PlanRequest Request(IReadOnlyList<BatchProfile> profiles, double a, double b, double c) =>
        Request(profiles, Session("A", 200, a), Session("B", 250, b), Session("C", 250, c));

    public static PlanRequest Request(IReadOnlyList<BatchProfile> profiles, params SessionSpec[] sessions) => new()
    {
        Devices = [new DeviceKind("gpu", 64)],
        Profiles = profiles,
        Sessions = sessions,
    };

    public static SessionSpec Session(string name, double objectiveMs, double rate, string? model = null) =>
        new(name, model ?? name, TimeSpan.FromMilliseconds(objectiveMs), rate);

    /// <summary>Four sessions on linear profiles where one short objective spoils a common duty cycle.</summary>
    public static PlanRequest Linear() => Request(
        [
            BatchProfile.Linear("m1", "*", 1, 10, 256), BatchProfile.Linear("m2", "*", 2, 8, 256),
            BatchProfile.Linear("m3", "*", 0.5, 5, 256), BatchProfile.Linear("m4", "*", 1.5, 12, 256),
        ],
        Session("m1", 100, 90), Session("m2", 100, 40), Session("m3", 50, 30), Session("m4", 200, 120));

    private static IReadOnlyList<BatchProfile> Profiles(bool pointsOnly) =>
    [
        Profile("A", pointsOnly, (4, 50), (8, 75), (16, 100)),
        Profile("B", pointsOnly, (4, 50), (8, 90), (16, 125)),
        Profile("C", pointsOnly, (4, 60), (8, 95), (16, 125)),
    ];

    private static BatchProfile Profile(string model, bool pointsOnly, params (int Batch, double Ms)[] points) =>
        new(model, "gpu",
            [.. points.Select(p => new ProfilePoint(p.Batch, TimeSpan.FromMilliseconds(p.Ms), TimeSpan.Zero, 0))],
            new ProfileOptions { PointsOnly = pointsOnly });
}
