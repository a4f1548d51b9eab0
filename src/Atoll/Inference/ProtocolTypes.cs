using Atoll.Models;

namespace Atoll;

/// <summary>Names of element types in the Open Inference Protocol and in NumPy files.</summary>
internal static class ProtocolTypes
{
    private static readonly (ElementType Type, string Protocol, string NumPy)[] All =
    [
        (ElementType.Bool, "BOOL", "|b1"),
        (ElementType.UInt8, "UINT8", "|u1"),
        (ElementType.UInt16, "UINT16", "<u2"),
        (ElementType.UInt32, "UINT32", "<u4"),
        (ElementType.UInt64, "UINT64", "<u8"),
        (ElementType.Int8, "INT8", "|i1"),
        (ElementType.Int16, "INT16", "<i2"),
        (ElementType.Int32, "INT32", "<i4"),
        (ElementType.Int64, "INT64", "<i8"),
        (ElementType.Float16, "FP16", "<f2"),
        (ElementType.Float32, "FP32", "<f4"),
        (ElementType.Float64, "FP64", "<f8"),
        (ElementType.BFloat16, "BF16", ""),
        (ElementType.String, "BYTES", ""),
    ];

    public static string NameOf(ElementType type) => All.First(entry => entry.Type == type).Protocol;

    /// <exception cref="UsageException">No element type has this name.</exception>
    public static ElementType Parse(string name) => Find(entry => entry.Protocol == name, name);

    /// <exception cref="UsageException">No element type has this NumPy description.</exception>
    public static ElementType ParseNumPy(string description) =>
        Find(entry => entry.NumPy.Length > 0 && entry.NumPy == description, description);

    private static ElementType Find(Func<(ElementType Type, string Protocol, string NumPy), bool> match, string name) =>
        All.Where(match).Select(entry => (ElementType?)entry.Type).FirstOrDefault() ??
        throw new UsageException($"element type '{name}' is not supported");
}
