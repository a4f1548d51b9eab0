using System.Text.Json;

namespace Atoll.Models;

/// <summary>
/// What a model may ask of this machine; every refusal names the property as the setting models.NAME.
/// </summary>
public sealed record ModelLimits
{
    public static ModelLimits Default { get; } = new();

    /// <summary>Bytes of the model file itself; protobuf cannot hold more than 2 GiB.</summary>
    public long FileBytesMax { get; init; } = int.MaxValue;

    /// <summary>Messages and strings in the file, each of which becomes an object.</summary>
    public int RecordsMax { get; init; } = 2_000_000;

    public int NodesMax { get; init; } = 100_000;

    public int RankMax { get; init; } = 8;

    /// <summary>Elements of one tensor, be it stored, computed or fed.</summary>
    public long ElementsMax { get; init; } = 1L << 29;

    /// <summary>Bytes of all initializers and constants together, external data included.</summary>
    public long ConstantBytesMax { get; init; } = 8L << 30;

    /// <summary>Elements up to which a constant result is computed at load.</summary>
    public long FoldElementsMax { get; init; } = 1L << 26;

    /// <summary>Elements of all results computed at load together.</summary>
    public long FoldElementsTotalMax { get; init; } = 1L << 28;

    /// <summary>How deep graphs may lie in the attributes of nodes.</summary>
    public int SubgraphDepthMax { get; init; } = 8;

    /// <summary>Iterations of all loops and scans of one run together.</summary>
    public long LoopIterationsMax { get; init; } = 1_000_000;

    /// <summary>Bytes of the values that one run holds in host memory between its steps.</summary>
    public long HostBytesMax { get; init; } = 4L << 30;

    /// <summary>
    /// Kernels' steps of one plan: a recurrent layer has one for each time step, and the request says how many.
    /// </summary>
    public int PlanStepsMax { get; init; } = 100_000;

    /// <summary>Elements in a tensor of this shape, unknown (negative) dimensions counted as one.</summary>
    /// <exception cref="ModelException">Rank or element count passes its limit.</exception>
    public long CountElements(ReadOnlySpan<long> shape, string where)
    {
        if (shape.Length > RankMax)
        {
            throw Exceeded($"{where} has rank {shape.Length}", RankMax, nameof(RankMax));
        }
        var count = 1L;
        var empty = false;
        foreach (var dim in shape)
        {
            empty |= dim == 0;
            if (dim > 1 && count > ElementsMax / dim)
            {
                throw Exceeded($"{where} of shape [{string.Join(',', shape.ToArray())}] has too many elements",
                    ElementsMax,
                    nameof(ElementsMax));
            }

            count *= Math.Max(dim, 1);
        }
        return empty ? 0 : count;
    }

    internal static ModelException Exceeded(string what, long limit, string setting) =>
        new(ModelError.LimitExceeded, $"{what}; the limit is {limit} (setting models.{Named(setting)})");

    private static string Named(string property) => JsonNamingPolicy.SnakeCaseLower.ConvertName(property);
}
