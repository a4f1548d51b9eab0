using System.Diagnostics;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using Atoll.Models;
using Microsoft.Extensions.Logging.Abstractions;

namespace Atoll.Serving.Tests;

/// <summary>The gRPC client that node users have (tests/peer/grpc-run.mjs), with the published proto files.</summary>
public sealed class NodeClientTests
{
    private static readonly TimeSpan TimeLimit = TimeSpan.FromMinutes(3);

    private static string Peer => Environment.GetEnvironmentVariable("ATOLL_PEER") ?? "/opt/peer";

    [Fact]
    public async Task Client_passes_all_kinds_of_calls_in_the_clear() => await RunAsync(new ServingOptions());

    [Fact]
    public async Task Client_passes_all_kinds_of_calls_over_TLS()
    {
        using var certificate = SelfMade();
        var pem = Path.GetTempFileName();
        await File.WriteAllTextAsync(pem, certificate.ExportCertificatePem(), TestContext.Current.CancellationToken);
        await RunAsync(new ServingOptions { Certificate = certificate }, pem);
        File.Delete(pem);
    }

    [Fact]
    public async Task Client_passes_all_kinds_of_calls_through_a_Unix_socket()
    {
        var folder = Directory.CreateTempSubdirectory("atoll-grpc-");
        var socket = Path.Combine(folder.FullName, "grpc.sock");
        await RunAsync(new ServingOptions { GrpcSocket = socket }, "", $"unix:{socket}");
        folder.Delete(recursive: true);
    }

    private static async Task RunAsync(ServingOptions options, params string[] more)
    {
        SkipIfAbsent();
        var slow = new FakeModel(FakeModel.Describe("slow", ElementType.Float32, 2)) { Gated = true };
        FakeModel[] models =
            [GrpcTestServer.Floats(), slow, new(FakeModel.Describe("bytes", ElementType.UInt8, -1))];
        var services = new ServingServices
        {
            Loader = new FakeLoader(models),
            Loggers = NullLoggerFactory.Instance,
        };
        await using (var host = new ServingHost(options with { Port = 0, GrpcPort = 0 }, services))
        {
            await host.StartAsync(TestContext.Current.CancellationToken);
            await host.LoadAsync(
                [.. models.Select(model => new ModelSource(model.Metadata.Name, "1", "fake", null))],
                TestContext.Current.CancellationToken);
            var (output, code) = await NodeAsync($"localhost:{host.GrpcUrl!.Port}", more);
            Assert.True(code == 0, output);
        }

        // The client left these by deadline, by cancel and by a stream that it cancelled.
        Assert.NotEmpty(slow.Order);
        Assert.Equal(slow.Order.Count, slow.Ended.Count);
        Assert.All(slow.Ended, status => Assert.Equal(InferenceStatus.Cancelled, status));
        Assert.All(models, model => Assert.Equal(0, model.OutputsHeld));
    }

    private static async Task<(string Output, int Code)> NodeAsync(string address, string[] more)
    {
        var root = Root();
        string[] arguments =
        [
            Path.Combine(root, "tests", "peer", "grpc-run.mjs"),
            Path.Combine(root, "src", "Atoll.Serving", "Grpc", "Protos"), address, .. more,
        ];
        using var node = Process.Start(new ProcessStartInfo("node", arguments)
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        })!;
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(TestContext.Current.CancellationToken);
        limit.CancelAfter(TimeLimit);
        try
        {
            var texts = await Task.WhenAll(
                node.StandardOutput.ReadToEndAsync(limit.Token), node.StandardError.ReadToEndAsync(limit.Token));
            await node.WaitForExitAsync(limit.Token);
            return (string.Concat(texts), node.ExitCode);
        }
        catch (OperationCanceledException)
        {
            node.Kill(entireProcessTree: true);
            throw;
        }
    }

    private static void SkipIfAbsent()
    {
        foreach (var package in new[] { "grpc-js", "proto-loader" })
        {
            Assert.SkipUnless(
                Directory.Exists(Path.Combine(Peer, "node_modules", "@grpc", package)),
                $"no @grpc/{package} under '{Peer}' (ATOLL_PEER)");
        }

        var paths = (Environment.GetEnvironmentVariable("PATH") ?? "").Split(Path.PathSeparator);
        Assert.SkipUnless(
            paths.Any(path => path.Length > 0 && File.Exists(Path.Combine(path, "node"))), "node is not on the PATH");
    }

    private static string Root()
    {
        var folder = new DirectoryInfo(AppContext.BaseDirectory);
        while (!File.Exists(Path.Combine(folder.FullName, "Atoll.slnx")))
        {
            folder = folder.Parent ?? throw new DirectoryNotFoundException("no Atoll.slnx above the tests");
        }

        return folder.FullName;
    }

    private static X509Certificate2 SelfMade()
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var request = new CertificateRequest("CN=localhost", key, HashAlgorithmName.SHA256);
        var names = new SubjectAlternativeNameBuilder();
        names.AddDnsName("localhost");
        request.CertificateExtensions.Add(names.Build());
        request.CertificateExtensions.Add(new X509BasicConstraintsExtension(true, false, 0, true));
        var start = new DateTimeOffset(2020, 1, 1, 0, 0, 0, TimeSpan.Zero);
        return request.CreateSelfSigned(start, start.AddYears(50));
    }
}
