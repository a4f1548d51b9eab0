namespace Atoll.Models;

/// <summary>
/// Rows of a matrix, or pixels of an image, that lie a multiple of 2 KB apart share few places of a near cache when
/// several are read together, as convolutions and products do. Such values get a cache line more from row to row.
/// </summary>
internal sealed class RowPadding
{
    private const int CriticalBytes = 2048;
    private const int PaddingBytes = 64;
    private const int RowsMin = 14;

    private readonly Dictionary<GraphValue, List<GraphNode>> _readers = new(ReferenceEqualityComparer.Instance);

    public RowPadding(Graph graph)
    {
        foreach (var node in graph.Nodes)
        {
            foreach (var input in node.Inputs.OfType<GraphValue>())
            {
                if (!_readers.TryGetValue(input, out var readers))
                {
                    _readers.Add(input, readers = []);
                }

                readers.Add(node);
            }
        }
    }

    /// <summary>
    /// Elements to leave between the rows of a value that its node writes to a storage of its own; 0 where rows are no
    /// such multiple or somebody wants them dense.
    /// </summary>
    public int Of(GraphNode node, GraphValue value, MemoryOrder order)
    {
        if (value.Type != ElementType.Float32 || !WritesRows(node, order) ||
            value.Shape is not { Length: >= 2 } shape || !_readers.TryGetValue(value, out var readers))
        {
            return 0;
        }

        var row = order == MemoryOrder.ChannelsLast ? shape[1] : shape[^1];
        var isCritical = row > 0 && row * sizeof(float) % CriticalBytes == 0 &&
            shape.Aggregate(1L, (count, dim) => count * dim) / row >= RowsMin;
        return isCritical && readers.TrueForAll(ReadsRows) ? PaddingBytes / sizeof(float) : 0;
    }

    // Whoever writes a part of a concatenated image leaves room for the other parts anyway.
    private static bool WritesRows(GraphNode node, MemoryOrder order) => ReadsRows(node) ||
        (node.Is("Concat") && order == MemoryOrder.ChannelsLast && node.Out().Shape is { Length: 4 });

    private static bool ReadsRows(GraphNode node) =>
        node.IsFused("MatMul") || node.IsFused(DepthwiseFusion.Operator) ||
        node.IsFused(GateFusion.Operator) ||
        ((node.Is("Conv") || node.IsFused("Conv")) && node.In(1)?.Shape is { Length: 4 });
}
