namespace Atoll.Models;

/// <summary>
/// An open file from which tensors are read when they are needed. Replacing it by another file of its name does no
/// harm; writing into it is noticed and refused. Thread-safe.
/// </summary>
internal sealed class DataFile : IDisposable
{
    private readonly DateTime _written;

    /// <exception cref="IOException">The file cannot be opened; UnauthorizedAccessException likewise.</exception>
    public DataFile(string path)
    {
        Content = File.OpenRead(path);
        (Length, _written) = Stamp();
    }

    public long Length { get; }

    /// <summary>The file as a stream for its first reader.</summary>
    public FileStream Content { get; }

    /// <exception cref="ModelException">The file has changed or cannot be read.</exception>
    public void Read(long offset, Span<byte> target)
    {
        try
        {
            while (!target.IsEmpty)
            {
                var read = RandomAccess.Read(Content.SafeFileHandle, target, offset);
                if (read == 0)
                {
                    throw Changed();
                }

                target = target[read..];
                offset += read;
            }

            if (Stamp() != (Length, _written))
            {
                throw Changed();
            }
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new ModelException(ModelError.Malformed, $"cannot read '{Content.Name}': {e.Message}", e);
        }
    }

    public void Dispose() => Content.Dispose();

    private (long Length, DateTime Written) Stamp() =>
        (RandomAccess.GetLength(Content.SafeFileHandle), File.GetLastWriteTimeUtc(Content.SafeFileHandle));

    private ModelException Changed() => new(ModelError.Malformed,
        $"'{Content.Name}' was written while its model is in use: load the model again, and replace files by renaming");
}
