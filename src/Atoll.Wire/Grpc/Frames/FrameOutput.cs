using System.IO.Pipelines;

namespace Atoll.Wire;

/// <summary>Writes a frame in pieces, so that a slow reader holds back the writer instead of filling memory.</summary>
internal static class FrameOutput
{
    private const int PieceBytes = 256 << 10;

    public static async ValueTask WriteAsync(
        PipeWriter to, ReadOnlyMemory<byte> frame, CancellationToken cancellation)
    {
        do
        {
            var piece = frame[..int.Min(frame.Length, PieceBytes)];
            var result = await to.WriteAsync(piece, cancellation);
            if (result.IsCompleted || result.IsCanceled)
            {
                throw new OperationCanceledException("the other side reads no more");
            }

            frame = frame[piece.Length..];
        }
        while (!frame.IsEmpty);
    }
}
