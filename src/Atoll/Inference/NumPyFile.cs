using System.Buffers.Binary;
using System.Globalization;
using System.Text;
using System.Text.RegularExpressions;
using Atoll.Models;

namespace Atoll;

/// <summary>Reads NumPy's .npy files, versions 1 to 3, little-endian and in C order.</summary>
internal static partial class NumPyFile
{
    private static readonly byte[] Magic = [0x93, .. "NUMPY"u8];

    /// <exception cref="UsageException">The file is not a .npy file of that kind.</exception>
    public static TensorValue Read(string name, string path)
    {
        var bytes = File.ReadAllBytes(path);
        if (bytes.Length < 12 || !bytes.AsSpan(0, Magic.Length).SequenceEqual(Magic))
        {
            throw new UsageException($"'{path}' is not a .npy file");
        }

        var isLong = bytes[6] >= 2;
        var start = isLong ? 12 : 10;
        var length = isLong
            ? BinaryPrimitives.ReadInt32LittleEndian(bytes.AsSpan(8))
            : BinaryPrimitives.ReadUInt16LittleEndian(bytes.AsSpan(8));
        if (length < 0 || length > bytes.Length - start)
        {
            throw new UsageException($"'{path}' ends within its header");
        }

        var header = Header().Match(Encoding.UTF8.GetString(bytes, start, length));
        if (!header.Success || header.Groups["order"].Value != "False")
        {
            throw new UsageException($"'{path}' has a header that is not supported (C order and a plain type are)");
        }

        var type = ProtocolTypes.ParseNumPy(header.Groups["type"].Value);
        var shape = ReadShape(header.Groups["shape"].Value, path);
        var data = bytes[(start + length)..];
        return data.LongLength == Count(shape) * type.SizeInBytes()
            ? new TensorValue(name, type, shape, data)
            : throw new UsageException($"'{path}' holds {data.Length} bytes, not those of [{string.Join(',', shape)}]");
    }

    private static long[] ReadShape(string text, string path) =>
    [
        .. text.Split(',', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries).Select(dim =>
            int.TryParse(dim, NumberStyles.None, CultureInfo.InvariantCulture, out var value)
                ? value
                : throw new UsageException($"'{path}' has a dimension of {dim}")),
    ];

    // Saturates, so that a wrong shape is an unequal count and not an overflow.
    private static Int128 Count(long[] shape) =>
        shape.Aggregate((Int128)1, (count, dim) => Int128.Min(count * dim, long.MaxValue));

    [GeneratedRegex(@"'descr': *'(?<type>[^']+)', *'fortran_order': *(?<order>\w+), *'shape': *\((?<shape>[\d, ]*)\)")]
    private static partial Regex Header();
}
