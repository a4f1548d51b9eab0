using System.Runtime.InteropServices;

namespace Atoll.Kernels;

/// <summary>
/// Pages of machine code: written first, then made executable and never writable again. They live as long as the
/// process.
/// </summary>
internal static unsafe partial class ExecutableMemory
{
    private const int Read = 1;
    private const int Write = 2;
    private const int Execute = 4;
    private const int PrivateAnonymous = 0x22;

    /// <summary>Address of a copy of the code, or 0 where the system grants no executable memory.</summary>
    public static nint TryPlace(ReadOnlySpan<byte> code)
    {
        if (!OperatingSystem.IsLinux() || RuntimeInformation.ProcessArchitecture != Architecture.X64)
        {
            return 0;
        }

        var length = (nuint)code.Length;
        var pages = Map(0, length, Read | Write, PrivateAnonymous, -1, 0);
        if (pages == -1)
        {
            return 0;
        }

        code.CopyTo(new Span<byte>((void*)pages, code.Length));
        if (Protect(pages, length, Read | Execute) != 0)
        {
            _ = Unmap(pages, length);
            return 0;
        }

        return pages;
    }

    [LibraryImport("libc", EntryPoint = "mmap", SetLastError = true)]
    private static partial nint Map(nint address, nuint length, int protection, int flags, int file, nint offset);

    [LibraryImport("libc", EntryPoint = "mprotect", SetLastError = true)]
    private static partial int Protect(nint address, nuint length, int protection);

    [LibraryImport("libc", EntryPoint = "munmap", SetLastError = true)]
    private static partial int Unmap(nint address, nuint length);
}
