using System.Runtime.InteropServices;
using System.Text;

namespace Atoll.Tests;

/// <summary>Writes .npy files of version 1.</summary>
internal static class NumPy
{
    public static void Write(string path, string header, ReadOnlySpan<float> values)
    {
        var text = Encoding.ASCII.GetBytes(header.PadRight(117) + "\n");
        File.WriteAllBytes(path,
        [
            0x93, .. "NUMPY"u8, 1, 0, (byte)text.Length, (byte)(text.Length >> 8), .. text,
            .. MemoryMarshal.AsBytes(values),
        ]);
    }
}
