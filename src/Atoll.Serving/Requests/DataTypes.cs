using Atoll.Models;

namespace Atoll.Serving;

/// <summary>Names of element types in the Open Inference Protocol.</summary>
internal static class DataTypes
{
    private static readonly (string Name, ElementType Type)[] All =
    [
        ("BOOL", ElementType.Bool), ("UINT8", ElementType.UInt8), ("UINT16", ElementType.UInt16),
        ("UINT32", ElementType.UInt32), ("UINT64", ElementType.UInt64), ("INT8", ElementType.Int8),
        ("INT16", ElementType.Int16), ("INT32", ElementType.Int32), ("INT64", ElementType.Int64),
        ("FP16", ElementType.Float16), ("FP32", ElementType.Float32), ("FP64", ElementType.Float64),
        ("BF16", ElementType.BFloat16), ("BYTES", ElementType.String),
    ];

    public static string NameOf(ElementType type) =>
        Array.Find(All, pair => pair.Type == type).Name ?? throw new NotSupportedException($"type {type}");

    /// <summary>Undefined when there is no such type.</summary>
    public static ElementType Parse(string? name) => Array.Find(All, pair => pair.Name == name).Type;

    public static string Show(ReadOnlySpan<long> shape) => $"[{string.Join(',', shape.ToArray())}]";

    /// <summary>Number of elements, or -1 where it passes <paramref name="limit"/>.</summary>
    public static long Count(ReadOnlySpan<long> shape, long limit)
    {
        if (shape.Contains(0))
        {
            return 0;
        }

        var count = 1L;
        foreach (var dim in shape)
        {
            if (dim > limit / count)
            {
                return -1;
            }

            count *= dim;
        }

        return count;
    }
}
