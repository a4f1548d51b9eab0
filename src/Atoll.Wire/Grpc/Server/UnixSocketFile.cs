using System.Net.Sockets;
using System.Runtime.InteropServices;

namespace Atoll.Wire;

/// <summary>The file of a Unix socket: left over by a process that ended, it is removed; in use, it is not.</summary>
internal static partial class UnixSocketFile
{
    // From stat(7) and statx(2): what a file is, and where statx puts it.
    private const int TypeMask = 0xF000;
    private const int IsSocketType = 0xC000;
    private const int ModeOffset = 28;
    private const int StatxBytes = 256;
    private const int CurrentFolder = -100;
    private const int NoFollow = 0x100;
    private const uint WantType = 1;

    /// <exception cref="WireException">A process listens there, or something else has this name.</exception>
    public static async Task ClearAsync(string path, CancellationToken cancellation)
    {
        if (!Path.Exists(path))
        {
            return;
        }

        if (!IsSocket(path))
        {
            throw new WireException(WireError.AddressInUse, $"'{path}' is no socket; it is left as it is");
        }

        using var socket = Make();
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

    /// <summary>
    /// A socket with this address that does not listen yet, and to which this user alone can connect once it does.
    /// </summary>
    public static Socket Bind(UnixDomainSocketEndPoint address)
    {
        var socket = Make();
        try
        {
            socket.Bind(address);
            if (!OperatingSystem.IsWindows())
            {
                File.SetUnixFileMode(address.ToString(), UnixFileMode.UserRead | UnixFileMode.UserWrite);
            }

            return socket;
        }
        catch
        {
            socket.Dispose();
            throw;
        }
    }

    private static Socket Make() =>
        new(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);

    /// <summary>Where it cannot be told what the file is, it is taken to be something else.</summary>
    private static unsafe bool IsSocket(string path)
    {
        if (!OperatingSystem.IsLinux())
        {
            return false;
        }

        var found = stackalloc byte[StatxBytes];
        return Statx(CurrentFolder, path, NoFollow, WantType, found) == 0 &&
            (*(ushort*)(found + ModeOffset) & TypeMask) == IsSocketType;
    }

    [LibraryImport("libc", EntryPoint = "statx", StringMarshalling = StringMarshalling.Utf8)]
    private static unsafe partial int Statx(int folder, string path, int flags, uint mask, byte* found);
}
