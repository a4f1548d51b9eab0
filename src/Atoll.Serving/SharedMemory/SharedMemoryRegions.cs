using Microsoft.Win32.SafeHandles;

namespace Atoll.Serving;

/// <summary>A registered region as clients see it: its name, the POSIX shared memory object, and which part.</summary>
internal sealed record SharedMemoryStatus(string Name, string Key, long Offset, long ByteSize);

/// <summary>
/// POSIX shared memory that clients have registered. It is read and written through the file, never mapped: a client
/// that shrinks it gets an error, where a mapping would end the server. Bounded in number; thread-safe.
/// </summary>
internal sealed class SharedMemoryRegions(string folder = SharedMemoryRegions.Folder) : IDisposable
{
    /// <summary>Where Linux keeps POSIX shared memory objects.</summary>
    public const string Folder = "/dev/shm";

    /// <summary>Regions that may be registered at once.</summary>
    public const int MostRegions = 1024;

    private readonly Lock _lock = new();
    private readonly SortedDictionary<string, Region> _regions = new(StringComparer.Ordinal);

    /// <summary>All regions, or the one named.</summary>
    /// <exception cref="RequestException">There is no such region.</exception>
    public IReadOnlyList<SharedMemoryStatus> Status(string? name = null)
    {
        lock (_lock)
        {
            return name is null ? [.. _regions.Values.Select(region => region.Status)] : [Find_NeedsLock(name).Status];
        }
    }

    /// <exception cref="RequestException">The name is taken, the key is not one, or the object is absent or too
    /// small.</exception>
    public void Register(SharedMemoryStatus wanted)
    {
        var handle = Open(wanted);
        lock (_lock)
        {
            if (!_regions.ContainsKey(wanted.Name) && _regions.Count < MostRegions)
            {
                _regions.Add(wanted.Name, new Region(wanted, handle));
                return;
            }
        }

        handle.Dispose();
        throw RequestException.BadRequest(_regions.Count >= MostRegions
            ? $"{MostRegions} shared memory regions are registered already"
            : $"shared memory region '{wanted.Name}' already in manager");
    }

    /// <summary>Forgets one region, or all; requests that use one now go on to their end.</summary>
    public void Unregister(string? name)
    {
        lock (_lock)
        {
            Region[] gone = name is null ? [.. _regions.Values]
                : _regions.TryGetValue(name, out var region) ? [region] : [];
            foreach (var one in gone)
            {
                _regions.Remove(one.Status.Name);
                one.Handle.Dispose();
            }
        }
    }

    /// <summary>A part of a region, checked against its bounds.</summary>
    /// <exception cref="RequestException">There is no such region, or the part is not within it.</exception>
    public SharedMemorySlice Slice(string name, long offset, long bytes)
    {
        lock (_lock)
        {
            var region = Find_NeedsLock(name);
            if (offset < 0 || bytes < 0 || offset > region.Status.ByteSize - bytes)
            {
                throw RequestException.BadRequest(
                    $"Invalid offset + byte size for shared memory region: '{name}' has {region.Status.ByteSize} " +
                    $"bytes; {bytes} at {offset} are asked for");
            }

            return new SharedMemorySlice(name, region.Handle, region.Status.Offset + offset, bytes) { Offset = offset };
        }
    }

    public void Dispose() => Unregister(null);

    private Region Find_NeedsLock(string name) => _regions.TryGetValue(name, out var region)
        ? region
        : throw RequestException.BadRequest($"Unable to find shared memory region: '{name}'");

    private SafeFileHandle Open(SharedMemoryStatus wanted)
    {
        // One path segment: shm_open takes no others, and nothing outside the folder may be reached.
        var file = wanted.Key.StartsWith('/') ? wanted.Key[1..] : wanted.Key;
        if (file is "" or "." or ".." || file.AsSpan().IndexOfAny('/', '\0') >= 0 || file.Length > 255)
        {
            throw RequestException.BadRequest($"shared memory key '{wanted.Key}' must be '/' and a name");
        }

        var path = Path.Combine(folder, file);
        try
        {
            if (File.ResolveLinkTarget(path, false) is not null)
            {
                throw RequestException.BadRequest($"shared memory key '{wanted.Key}' is a link");
            }

            var handle = File.OpenHandle(path, FileMode.Open, FileAccess.ReadWrite, FileShare.ReadWrite);
            var length = LengthOf(handle);
            if (wanted.Offset < 0 || wanted.ByteSize < 1 || wanted.Offset > length - wanted.ByteSize)
            {
                handle.Dispose();
                throw RequestException.BadRequest(
                    $"failed to register shared memory region '{wanted.Name}': {wanted.ByteSize} bytes at " +
                    $"{wanted.Offset} are not within the {length} bytes of '{wanted.Key}'");
            }

            return handle;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or NotSupportedException)
        {
            throw RequestException.BadRequest(
                $"Unable to open shared memory region: '{wanted.Name}': key '{wanted.Key}': {e.Message}");
        }
    }

    /// <summary>A pipe or a device has no length, and its handle must not be left open.</summary>
    private static long LengthOf(SafeFileHandle handle)
    {
        try
        {
            return RandomAccess.GetLength(handle);
        }
        catch
        {
            handle.Dispose();
            throw;
        }
    }

    private sealed record Region(SharedMemoryStatus Status, SafeFileHandle Handle);
}
