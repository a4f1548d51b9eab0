using Atoll.Models;

namespace Atoll;

/// <summary>
/// What a model may ask of this machine, one setting per limit of <see cref="ModelLimits"/>, and the choice of kernels.
/// </summary>
internal static class ModelSettings
{
    public static IReadOnlyList<Setting> All { get; } =
    [
        Setting.Number(
            new("models.file_bytes_max", "bytes", "Size of a model file, external data apart."),
            (1, int.MaxValue), s => s.Models.Limits.FileBytesMax,
            (s, v) => s.Models.Limits = s.Models.Limits with { FileBytesMax = v }),
        Setting.Number(
            new("models.records_max", "", "Messages and strings in a model file."),
            (1, 100_000_000), s => s.Models.Limits.RecordsMax,
            (s, v) => s.Models.Limits = s.Models.Limits with { RecordsMax = v }),
        Setting.Number(
            new("models.nodes_max", "", "Nodes of a graph."),
            (1, 10_000_000), s => s.Models.Limits.NodesMax,
            (s, v) => s.Models.Limits = s.Models.Limits with { NodesMax = v }),
        Setting.Number(
            new("models.rank_max", "", "Dimensions of a tensor."),
            (1, 8), s => s.Models.Limits.RankMax,
            (s, v) => s.Models.Limits = s.Models.Limits with { RankMax = v }),
        Setting.Number(
            new("models.elements_max", "", "Elements of one tensor, be it stored, computed or fed."),
            (1, 1L << 40), s => s.Models.Limits.ElementsMax,
            (s, v) => s.Models.Limits = s.Models.Limits with { ElementsMax = v }),
        Setting.Number(
            new("models.constant_bytes_max", "bytes",
                "All initializers and constants of a model together, external data included."),
            (1, 1L << 44), s => s.Models.Limits.ConstantBytesMax,
            (s, v) => s.Models.Limits = s.Models.Limits with { ConstantBytesMax = v }),
        Setting.Number(
            new("models.fold_elements_max", "", "Elements up to which a constant result is computed at load."),
            (1, 1L << 32), s => s.Models.Limits.FoldElementsMax,
            (s, v) => s.Models.Limits = s.Models.Limits with { FoldElementsMax = v }),
        Setting.Number(
            new("models.fold_elements_total_max", "", "Elements of all results computed at load together."),
            (1, 1L << 34), s => s.Models.Limits.FoldElementsTotalMax,
            (s, v) => s.Models.Limits = s.Models.Limits with { FoldElementsTotalMax = v }),
        Setting.Number(
            new("models.subgraph_depth_max", "", "How deep graphs may lie in the attributes of nodes."),
            (1, 10), s => s.Models.Limits.SubgraphDepthMax,
            (s, v) => s.Models.Limits = s.Models.Limits with { SubgraphDepthMax = v }),
        Setting.Number(
            new("models.loop_iterations_max", "", "Iterations of all loops and scans of one run together."),
            (1, 1L << 40), s => s.Models.Limits.LoopIterationsMax,
            (s, v) => s.Models.Limits = s.Models.Limits with { LoopIterationsMax = v }),
        Setting.Number(
            new("models.host_bytes_max", "bytes", "Values that one run holds in host memory between its steps."),
            (1, 1L << 44), s => s.Models.Limits.HostBytesMax,
            (s, v) => s.Models.Limits = s.Models.Limits with { HostBytesMax = v }),
        Setting.String(
            new("models.tuning_cache", "",
                "Where it is kept which form of a kernel was the faster one here, by shape: auto is a small file in " +
                "the user's cache folder, off chooses by model alone. Forms round differently within the tolerance."),
            TuningCache.Allowed, text => text.Length > 0,
            s => s.Models.TuningCache, (s, v) => s.Models.TuningCache = v),
        Setting.Number(
            new("models.tuning_budget", "ms",
                "Time that a model may spend on measuring kernels while it is loaded; 0 takes what is known."),
            (0, 10_000), s => s.Models.TuningBudgetMs, (s, v) => s.Models.TuningBudgetMs = v),
        Setting.Number(
            new("models.plan_steps_max", "",
                "Steps of the plan for one set of shapes; a recurrent layer has one for each time step."),
            (1, 10_000_000), s => s.Models.Limits.PlanStepsMax,
            (s, v) => s.Models.Limits = s.Models.Limits with { PlanStepsMax = v }),
    ];
}
