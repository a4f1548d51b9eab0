using System.Net;
using System.Net.Sockets;

namespace Atoll;

/// <summary>
/// The control beside one connection: as many bytes over the loopback to a thread that sends them back at once. It
/// costs what any answer over a socket costs on this machine at this moment: two wake-ups and two copies.
/// </summary>
internal sealed class EchoControl : IDisposable
{
    private readonly TcpListener _listener = new(IPAddress.Loopback, 0);
    private readonly TcpClient _connection = new() { NoDelay = true };
    private readonly Thread _thread;
    private readonly byte[] _bytes;

    public EchoControl(int length)
    {
        _bytes = new byte[length];
        _listener.Start(1);
        _thread = new Thread(Answer) { Name = "echo", IsBackground = true };
        _thread.Start();
        _connection.Connect((IPEndPoint)_listener.LocalEndpoint);
    }

    /// <summary>Sends the bytes and waits until all are back.</summary>
    /// <exception cref="IOException">The connection broke.</exception>
    public void Send()
    {
        _connection.GetStream().Write(_bytes);
        _connection.GetStream().ReadExactly(_bytes);
    }

    public void Dispose()
    {
        _connection.Dispose();
        _thread.Join();
        _listener.Dispose();
    }

    private void Answer()
    {
        using var client = _listener.AcceptTcpClient();
        client.NoDelay = true;
        var buffer = new byte[_bytes.Length];
        var stream = client.GetStream();
        try
        {
            while (stream.ReadAtLeast(buffer, buffer.Length, throwOnEndOfStream: false) == buffer.Length)
            {
                stream.Write(buffer);
            }
        }
        catch (IOException)
        {
            // The other end left in the middle of an answer: there is nobody to tell.
        }
    }
}
