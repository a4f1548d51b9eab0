using System.Net.Sockets;

namespace Atoll.Wire;

/// <summary>The file of a Unix socket: left over by a process that ended, it is removed; in use, it is not.</summary>
internal static class UnixSocketFile
{
    /// <exception cref="WireException">A process listens there, or something else has this name.</exception>
    public static async Task ClearAsync(string path, CancellationToken cancellation)
    {
        if (!File.Exists(path))
        {
            return;
        }

        if ((File.GetAttributes(path) & (FileAttributes.Directory | FileAttributes.ReparsePoint)) != 0 ||
            new FileInfo(path).Length > 0)
        {
            throw new WireException(WireError.AddressInUse, $"'{path}' is no socket; it is left as it is");
        }

        using var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        try
        {
            await socket.ConnectAsync(new UnixDomainSocketEndPoint(path), cancellation);
        }
        catch (SocketException e) when (e.SocketErrorCode == SocketError.ConnectionRefused)
        {
            File.Delete(path);
            return;
        }
        catch (SocketException e)
        {
            throw new WireException(WireError.AddressUnavailable, $"cannot listen on '{path}': {e.Message}", e);
        }

        throw new WireException(WireError.AddressInUse, $"cannot listen on '{path}': another process does");
    }

    /// <summary>Lets this user alone connect.</summary>
    public static void Restrict(string path)
    {
        if (!OperatingSystem.IsWindows())
        {
            File.SetUnixFileMode(path, UnixFileMode.UserRead | UnixFileMode.UserWrite);
        }
    }
}
