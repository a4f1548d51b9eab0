using System.Buffers.Text;
using System.Net.Sockets;
using System.Text;

namespace Atoll;

/// <summary>
/// One keep-alive connection that sends the same request over and over, over a bare socket so that the client adds as
/// little as it can. Used by one thread at a time.
/// </summary>
internal sealed class KeepAliveClient : IDisposable
{
    private readonly TcpClient _connection = new() { NoDelay = true };
    private readonly byte[] _request;
    private readonly byte[] _answer = new byte[64 << 10];
    private int _filled;

    /// <exception cref="SocketException">The server does not listen.</exception>
    public KeepAliveClient(Uri server, string path, ReadOnlySpan<byte> body, string header)
    {
        _connection.Connect(server.Host, server.Port);
        var head = $"POST {path} HTTP/1.1\r\nHost: {server.Authority}\r\n" +
            $"Content-Length: {body.Length}\r\n{header}\r\n\r\n";
        _request = [.. Encoding.ASCII.GetBytes(head), .. body];
    }

    /// <summary>Sends the request and reads the whole answer; its status code.</summary>
    /// <exception cref="IOException">The connection broke, or the answer is not what a server sends.</exception>
    public int Send()
    {
        var socket = _connection.Client;
        try
        {
            socket.Send(_request);
            while (true)
            {
                var read = socket.Receive(_answer.AsSpan(_filled));
                if (read == 0)
                {
                    throw new IOException("the server closed the connection");
                }

                _filled += read;
                if (TryTake(out var status))
                {
                    return status;
                }
            }
        }
        catch (SocketException e)
        {
            throw new IOException(e.Message, e);
        }
    }

    public void Dispose() => _connection.Dispose();

    private bool TryTake(out int status)
    {
        status = 0;
        var text = _answer.AsSpan(0, _filled);
        var end = text.IndexOf("\r\n\r\n"u8);
        if (end < 0)
        {
            return text.Length < _answer.Length ? false : throw new IOException("the answer is too long");
        }

        var lengthAt = text[..end].IndexOf("Content-Length: "u8);
        if (lengthAt < 0 || !Utf8Parser.TryParse(text[(lengthAt + 16)..end], out int length, out _) ||
            !Utf8Parser.TryParse(text[9..12], out status, out _))
        {
            throw new IOException("the answer has no status or no length");
        }

        if (text.Length < end + 4 + length)
        {
            return false;
        }

        // One request at a time: whatever follows the answer would be a fault.
        _filled = text.Length == end + 4 + length ? 0 : throw new IOException("the answer goes on after its length");
        return true;
    }
}
