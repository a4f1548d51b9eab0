using Microsoft.Win32.SafeHandles;

namespace Atoll.Serving;

/// <summary>A part of a registered region that one tensor uses.</summary>
internal sealed class SharedMemorySlice(string region, SafeFileHandle handle, long position, long length)
{
    public string Region => region;

    public long Length => length;

    /// <summary>Within the region.</summary>
    public long Offset { get; init; }

    /// <exception cref="RequestException">The region is smaller now than when it was registered, or gone.</exception>
    public void Read(Span<byte> target)
    {
        var done = 0;
        while (done < target.Length)
        {
            var read = ReadSome(target[done..], position + done);
            if (read == 0)
            {
                throw Shrunk();
            }

            done += read;
        }
    }

    /// <exception cref="RequestException">The data does not fit, or the region is gone.</exception>
    public void Write(ReadOnlySpan<byte> data, string output)
    {
        if (data.Length > length)
        {
            throw RequestException.BadRequest(
                $"shared memory size specified with the request for output '{output}' ({length} bytes) should be at " +
                $"least {data.Length} bytes to hold the results");
        }

        try
        {
            // Writing past the end would make the object grow: then the client has shrunk it.
            if (RandomAccess.GetLength(handle) < position + data.Length)
            {
                throw Shrunk();
            }

            RandomAccess.Write(handle, data, position);
        }
        catch (Exception e) when (e is IOException or ObjectDisposedException or UnauthorizedAccessException)
        {
            throw RequestException.BadRequest($"shared memory region '{region}' cannot be written: {e.Message}");
        }
    }

    private int ReadSome(Span<byte> target, long from)
    {
        try
        {
            return RandomAccess.Read(handle, target, from);
        }
        catch (Exception e) when (e is IOException or ObjectDisposedException or UnauthorizedAccessException)
        {
            throw RequestException.BadRequest($"shared memory region '{region}' cannot be read: {e.Message}");
        }
    }

    private RequestException Shrunk() => RequestException.BadRequest(
        $"shared memory region '{region}' is smaller than when it was registered");
}
