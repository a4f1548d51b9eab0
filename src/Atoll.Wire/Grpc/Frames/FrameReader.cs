using System.Buffers;
using System.IO.Pipelines;

namespace Atoll.Wire;

/// <summary>How a reader knows messages: their encoding, the largest it takes, and which setting says so.</summary>
internal sealed record FrameRules(string? Encoding, int MaxBytes, string MaxBytesSetting);

/// <summary>
/// Reads messages off a pipe. A message that is whole in the pipe is parsed where it lies; a longer one is gathered in
/// pooled memory that grows as bytes arrive, so a length that lies costs nothing.
/// </summary>
internal sealed class FrameReader(PipeReader pipe, FrameRules rules)
{
    private const int FirstBytes = 256 << 10;

    /// <summary>The next message, or none when the stream ended after the last one.</summary>
    /// <exception cref="GrpcException">A broken frame, a message beyond the limit or no message of this
    /// kind.</exception>
    public async ValueTask<(bool Any, T Message)> ReadAsync<T>(MessageCodec<T> codec, CancellationToken cancellation)
    {
        while (true)
        {
            var result = await pipe.ReadAsync(cancellation);
            var buffer = result.Buffer;
            if (buffer.Length >= FrameFormat.PrefixBytes)
            {
                var (flag, length) = FrameFormat.ReadPrefix(buffer);
                CheckPrefix(flag, length);
                if (flag == 0 && buffer.Length - FrameFormat.PrefixBytes >= length)
                {
                    return (true, ParseInPlace(codec, buffer.Slice(FrameFormat.PrefixBytes, length)));
                }

                pipe.AdvanceTo(buffer.GetPosition(FrameFormat.PrefixBytes));
                return (true, await GatherAsync(codec, flag, (int)length, cancellation));
            }

            if (result.IsCompleted)
            {
                pipe.AdvanceTo(buffer.End);
                return buffer.IsEmpty ? default : throw Truncated($"{buffer.Length} bytes of a message's prefix");
            }

            pipe.AdvanceTo(buffer.Start, buffer.End);
        }
    }

    private T ParseInPlace<T>(MessageCodec<T> codec, ReadOnlySequence<byte> message)
    {
        try
        {
            return Parse(codec, message);
        }
        finally
        {
            pipe.AdvanceTo(message.End);
        }
    }

    private async ValueTask<T> GatherAsync<T>(
        MessageCodec<T> codec, byte flag, int length, CancellationToken cancellation)
    {
        using var bytes = new PooledBytes(int.Min(length, FirstBytes));
        while (bytes.Length < length)
        {
            var result = await pipe.ReadAsync(cancellation);
            var part = result.Buffer.Slice(0, long.Min(result.Buffer.Length, length - bytes.Length));
            foreach (var memory in part)
            {
                bytes.Write(memory.Span);
            }

            pipe.AdvanceTo(part.End);
            if (result.IsCompleted && bytes.Length < length)
            {
                throw Truncated($"{bytes.Length} of a message's {length} bytes");
            }
        }

        return flag == 0 ? Parse(codec, new(bytes.Memory)) : ParseCompressed(codec, bytes);
    }

    private T ParseCompressed<T>(MessageCodec<T> codec, PooledBytes compressed)
    {
        using var plain = new PooledBytes(int.Min(rules.MaxBytes, int.Max(compressed.Length, 4096)));
        try
        {
            if (!MessageEncoding.TryDecompress(rules.Encoding!, compressed.Segment, plain, rules.MaxBytes))
            {
                throw TooLarge($"more than {rules.MaxBytes} bytes when decompressed");
            }
        }
        catch (InvalidDataException e)
        {
            throw new GrpcException(GrpcStatus.Internal, $"a message is not valid {rules.Encoding}: {e.Message}", e);
        }

        return Parse(codec, new(plain.Memory));
    }

    private static T Parse<T>(MessageCodec<T> codec, ReadOnlySequence<byte> message)
    {
        try
        {
            return codec.Read(message);
        }
        catch (InvalidDataException e)
        {
            throw new GrpcException(GrpcStatus.Internal, $"a message cannot be read: {e.Message}", e);
        }
    }

    private void CheckPrefix(byte flag, uint length)
    {
        if (flag > 1)
        {
            throw new GrpcException(
                GrpcStatus.Internal, $"a message begins with flag {flag}; it must be 0 (plain) or 1 (compressed)");
        }

        if (flag == 1 && rules.Encoding is null or MessageEncoding.Identity)
        {
            throw new GrpcException(
                GrpcStatus.Internal, $"a message is compressed but {GrpcHeaders.Encoding} names no compression");
        }

        if (length > rules.MaxBytes)
        {
            throw TooLarge($"{length} bytes");
        }
    }

    private GrpcException TooLarge(string size) => new(
        GrpcStatus.ResourceExhausted,
        $"a message has {size}; the limit is {rules.MaxBytes} bytes ({rules.MaxBytesSetting})");

    private static GrpcException Truncated(string what) =>
        new(GrpcStatus.Internal, $"the stream ended within a message: {what} arrived");
}
