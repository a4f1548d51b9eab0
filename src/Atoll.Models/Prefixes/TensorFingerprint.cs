using System.Buffers.Binary;
using System.Runtime.CompilerServices;
using System.Security.Cryptography;

namespace Atoll.Models;

/// <summary>
/// SHA-256 of type, shape and elements of tensors, computed once for each that is alive. Thread-safe.
/// </summary>
internal static class TensorFingerprint
{
    private static readonly ConditionalWeakTable<Tensor, string> _known = [];

    /// <summary>64 hexadecimal digits.</summary>
    public static string Of(Tensor tensor) => _known.GetValue(tensor, Compute);

    private static string Compute(Tensor tensor)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        Span<byte> number = stackalloc byte[sizeof(long)];
        foreach (var part in tensor.Shape.Prepend((long)tensor.Type))
        {
            BinaryPrimitives.WriteInt64LittleEndian(number, part);
            hash.AppendData(number);
        }

        hash.AppendData(tensor.Data);
        return Convert.ToHexStringLower(hash.GetHashAndReset());
    }
}
