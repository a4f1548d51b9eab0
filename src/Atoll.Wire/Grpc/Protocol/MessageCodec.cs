using System.Buffers;
using Google.Protobuf;

namespace Atoll.Wire;

/// <summary>
/// Reads and writes one kind of message. <paramref name="Read"/> must not keep the bytes, which are pooled, and throws
/// <see cref="InvalidDataException"/> where they are no such message.
/// </summary>
public sealed record MessageCodec<T>(Func<ReadOnlySequence<byte>, T> Read, Action<T, IBufferWriter<byte>> Write);

/// <summary>Makes codecs.</summary>
public static class MessageCodec
{
    /// <summary>The codec of a generated protobuf message.</summary>
    public static MessageCodec<T> Protobuf<T>() where T : IMessage<T>, new() => ProtobufCodec<T>.Instance;

    private static class ProtobufCodec<T> where T : IMessage<T>, new()
    {
        public static readonly MessageCodec<T> Instance = new(Read, (message, to) => message.WriteTo(to));

        private static readonly MessageParser<T> Parser = new(() => new T());

        private static T Read(ReadOnlySequence<byte> bytes)
        {
            try
            {
                return Parser.ParseFrom(bytes);
            }
            catch (InvalidProtocolBufferException e)
            {
                throw new InvalidDataException($"{bytes.Length} bytes are no {typeof(T).Name}: {e.Message}", e);
            }
        }
    }
}
