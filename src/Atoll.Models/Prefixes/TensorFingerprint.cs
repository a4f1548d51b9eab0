using System.Buffers.Binary;
using System.Runtime.CompilerServices;
using System.Security.Cryptography;

namespace Atoll.Models;

/// <summary>
/// SHA-256 of type, shape and elements of tensors, computed once for each that is alive. Thread-safe.
/// </summary>
internal static class TensorFingerprint
{
    private const int PieceBytes = 1 << 16;

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

        // Piece by piece, so that what is still in its file stays there.
        var piece = new byte[(int)Math.Min(PieceBytes, tensor.ByteCount)];
        for (long at = 0; at < tensor.ByteCount; at += piece.Length)
        {
            var part = piece.AsSpan(0, (int)Math.Min(piece.Length, tensor.ByteCount - at));
            tensor.CopyTo(at, part);
            hash.AppendData(part);
        }

        return Convert.ToHexStringLower(hash.GetHashAndReset());
    }
}
