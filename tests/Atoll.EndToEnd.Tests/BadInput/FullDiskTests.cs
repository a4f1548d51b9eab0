using System.Diagnostics;

namespace Atoll.EndToEnd.Tests;

/// <summary>Sample models that do not fit where they are written: a clear failure and no half-written file.</summary>
public sealed class FullDiskTests : IDisposable
{
    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("atoll-full-disk-");

    public void Dispose() => _folder.Delete(recursive: true);

    [Theory]
    [InlineData("")]
    [InlineData("--external-data")]
    public async Task Full_disk_is_told_and_leaves_nothing(string more)
    {
        var disk = _folder.CreateSubdirectory("disk").FullName;
        var mounted = await RunAsync($"mount -t tmpfs -o size=1m tmpfs '{disk}'");
        Assert.SkipUnless(mounted.Code == 0, $"a small disk cannot be mounted here: {mounted.Error.Trim()}");
        try
        {
            var run = await RunAsync($"exec {Atoll} model create resnet152 --width 0.25 --out '{disk}' {more}");
            Assert.Equal(1, run.Code);
            Assert.Contains("resnet152.onnx", run.Error, StringComparison.Ordinal);
            Assert.Contains("--out", run.Error, StringComparison.Ordinal);
            Assert.Empty(Directory.GetFiles(disk));
        }
        finally
        {
            await RunAsync($"umount '{disk}'");
        }
    }

    [Fact]
    public async Task File_size_limit_is_told_and_leaves_nothing()
    {
        Assert.SkipUnless(File.Exists("/bin/bash"), "no bash to set a limit with");
        var run = await RunAsync(
            $"ulimit -f 512; trap '' XFSZ; " +
            $"exec {Atoll} model create resnet152 --width 0.25 --out '{_folder.FullName}'");
        Assert.True(run.Code == 1, $"exit code {run.Code}: {run.Error}");
        Assert.Contains("resnet152.onnx", run.Error, StringComparison.Ordinal);
        Assert.Empty(_folder.GetFiles());
    }

    private static string Atoll => $"'{Path.Combine(AppContext.BaseDirectory, "atoll")}'";

    private static async Task<(int Code, string Error)> RunAsync(string script)
    {
        Assert.SkipUnless(File.Exists("/bin/bash"), "no bash");
        var start = new ProcessStartInfo("/bin/bash") { RedirectStandardError = true, RedirectStandardOutput = true };
        start.ArgumentList.Add("-c");
        start.ArgumentList.Add(script);

        // The files that .NET maps for code would meet the limit too.
        start.Environment["DOTNET_EnableWriteXorExecute"] = "0";
        using var process = Process.Start(start)!;
        var output = process.StandardOutput.ReadToEndAsync(TestContext.Current.CancellationToken);
        var error = await process.StandardError.ReadToEndAsync(TestContext.Current.CancellationToken);
        await process.WaitForExitAsync(TestContext.Current.CancellationToken);
        return (process.ExitCode, error + await output);
    }
}
