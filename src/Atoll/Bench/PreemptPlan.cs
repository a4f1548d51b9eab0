using Atoll.Devices;

namespace Atoll;

/// <summary>
/// Which cases `bench preempt` runs: queue length, clients and block length varied one at a time per mode.
/// </summary>
internal static class PreemptPlan
{
    private static readonly int[] Queues = [10, 50, 100, 200, 500];
    private static readonly int[] ClientCounts = [1, 2, 4, 8];
    private static readonly double[] BlockLengths = [10, 20, 40, 100];

    public static IReadOnlyList<PreemptCase> Cases(bool isQuick, SchedulingRights rights)
    {
        var cpus = ThreadScheduling.AllowedCpus().Count;
        var shared = Math.Max(1, cpus - 1);
        var strong = rights == SchedulingRights.Full ? "full" : "plain";
        var samples = isQuick ? 400 : 2000;
        var main = new PreemptCase
        {
            Mode = "reset", Queue = 100, Clients = 1, BlockUs = 20, Units = shared, RtBlocks = 1, Rights = strong,
                Samples = samples,
        };
        List<PreemptCase> cases = [main with { Samples = isQuick ? 4000 : 40000 }];
        foreach (var mode in new[] { "reset", "reset_leave", "wait" })
        {
            cases.AddRange(Queues.Select(queue => main with { Mode = mode, Queue = queue }));
            cases.AddRange(ClientCounts.Select(clients => main with { Mode = mode, Clients = clients }));
            cases.AddRange(BlockLengths.Select(length => main with { Mode = mode, BlockUs = length }));
        }

        // Every CPU a unit: the submitter shares its CPU with one, and a kernel may need them all.
        cases.AddRange(new[] { 1, cpus }.Distinct().Select(blocks =>
            main with { Mode = "reset_padding", Units = cpus, RtBlocks = blocks, Samples = 2 * samples }));
        if (strong == "full")
        {
            cases.Add(main with { Rights = "plain" });
            cases.Add(main with { Rights = "plain", Units = cpus, RtBlocks = cpus });
        }

        cases.Add(main with { ForcesGc = true, Samples = 2 * samples });
        return cases;
    }

    /// <summary>Each model as the one best-effort client, on every CPU but the submitter's.</summary>
    public static IReadOnlyList<PreemptCase> ModelCases(
        IReadOnlyList<string> models, bool isQuick, SchedulingRights rights) =>
        [.. models.Select(model => new PreemptCase
        {
            Mode = "reset", Model = model, Queue = 1, Clients = 1, BlockUs = 20,
            Units = Math.Max(1, ThreadScheduling.AllowedCpus().Count - 1), RtBlocks = 1,
            Rights = rights == SchedulingRights.Full ? "full" : "plain", Samples = isQuick ? 1000 : 10000,
        })];

    public static IReadOnlyList<PreemptFlatness> Flatness(
        IReadOnlyList<PreemptRow> rows, IReadOnlyList<PreemptCase> cases)
    {
        if (cases.Any(what => what.Model is not null))
        {
            return [];
        }

        var main = cases[1];
        var comparable =
            rows.Skip(1).Where(r => r.Rights == main.Rights && r.Units == main.Units && r.GcSamples == 0).ToArray();
        var result = new List<PreemptFlatness>();
        foreach (var mode in comparable.Select(r => r.Mode).Distinct())
        {
            var own = comparable.Where(r => r.Mode == mode && r.BlockUs == main.BlockUs).ToArray();
            result.Add(Spread(mode, "queue", [.. own.Where(r => r.Clients == main.Clients).OrderBy(r => r.Queue)]));
            result.Add(Spread(mode, "clients", [.. own.Where(r => r.Queue == 100).OrderBy(r => r.Clients)]));
        }

        return result;
    }

    private static PreemptFlatness Spread(string mode, string variable, PreemptRow[] rows) => new(mode, variable,
        Math.Round((rows[^1].P50Us / rows[0].P50Us) - 1, 3),
        Math.Round(rows.Max(r => r.P50Us) / rows.Min(r => r.P50Us), 3),
        Math.Round(rows[^1].P50Us - rows[0].P50Us, 3));
}
