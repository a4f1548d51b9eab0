using System.Net;
using System.Net.Http.Headers;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using Microsoft.Extensions.Logging.Abstractions;

namespace Atoll.Wire.Tests;

/// <summary>TLS, Unix sockets, and requests that are HTTP but not gRPC.</summary>
public sealed class TransportTests
{
    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Calls_pass_over_TLS_with_a_pinned_certificate()
    {
        using var certificate = SelfMade();
        await using var server = await EchoServer.StartAsync(
            new GrpcHostOptions { Certificate = certificate },
            new GrpcChannelOptions { TrustedCertificate = certificate });

        Assert.Equal("https", server.Url.Scheme);
        Assert.Equal("hidden", (await server.SayAsync("hidden")).Text);
    }

    [Fact]
    public async Task Another_certificate_is_not_trusted()
    {
        using var certificate = SelfMade();
        using var other = SelfMade();
        await using var server = await EchoServer.StartAsync(
            new GrpcHostOptions { Certificate = certificate }, new GrpcChannelOptions { TrustedCertificate = other });

        var error = await Assert.ThrowsAsync<GrpcException>(() => server.SayAsync("hidden"));

        Assert.Equal(GrpcStatus.Unavailable, error.Status);
    }

    [Fact]
    public async Task Calls_pass_through_a_Unix_socket_for_this_user_alone()
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "Windows keeps no modes of files");
        var folder = Directory.CreateTempSubdirectory("atoll-wire-").FullName;
        var path = Path.Combine(folder, "grpc.sock");
        await using (var server = await EchoServer.StartAsync(
            new GrpcHostOptions { UnixSocket = path }, new GrpcChannelOptions { UnixSocket = path }))
        {
            Assert.Equal("near", (await server.SayAsync("near")).Text);
            var mode = OperatingSystem.IsWindows() ? default : File.GetUnixFileMode(path);
            Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, mode);
            var error = await Assert.ThrowsAsync<WireException>(() =>
                EchoServer.StartAsync(new GrpcHostOptions { UnixSocket = path }));
            Assert.Equal(WireError.AddressInUse, error.Error);
        }

        Directory.Delete(folder, true);
    }

    [Fact]
    public async Task Socket_left_over_is_replaced_and_other_files_are_not()
    {
        var folder = Directory.CreateTempSubdirectory("atoll-wire-").FullName;
        var path = Path.Combine(folder, "grpc.sock");
        using (var left = new System.Net.Sockets.Socket(
            System.Net.Sockets.AddressFamily.Unix, System.Net.Sockets.SocketType.Stream, 0))
        {
            left.Bind(new System.Net.Sockets.UnixDomainSocketEndPoint(path));
        }

        await using (var server = await EchoServer.StartAsync(
            new GrpcHostOptions { UnixSocket = path }, new GrpcChannelOptions { UnixSocket = path }))
        {
            Assert.Equal("again", (await server.SayAsync("again")).Text);
        }

        await File.WriteAllTextAsync(path, "", Stop);
        await Assert.ThrowsAsync<WireException>(() => EchoServer.StartAsync(new GrpcHostOptions { UnixSocket = path }));
        Assert.True(File.Exists(path), "an empty file that is no socket was deleted");
        await File.WriteAllTextAsync(path, "kept", Stop);
        await Assert.ThrowsAsync<WireException>(() => EchoServer.StartAsync(new GrpcHostOptions { UnixSocket = path }));
        Assert.Equal("kept", await File.ReadAllTextAsync(path, Stop));
        Directory.Delete(folder, true);
    }

    [Fact]
    public async Task Socket_is_this_users_alone_before_anybody_can_connect()
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "Windows keeps no modes of files");
        var folder = Directory.CreateTempSubdirectory("atoll-wire-").FullName;
        var place = new System.Net.Sockets.UnixDomainSocketEndPoint(Path.Combine(folder, "grpc.sock"));
        using (var bound = UnixSocketFile.Bind(place))
        using (var client = new System.Net.Sockets.Socket(
            System.Net.Sockets.AddressFamily.Unix, System.Net.Sockets.SocketType.Stream, 0))
        {
            var mode = OperatingSystem.IsWindows() ? default : File.GetUnixFileMode(place.ToString());
            Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, mode);
            await Assert.ThrowsAsync<System.Net.Sockets.SocketException>(
                () => client.ConnectAsync(place, Stop).AsTask());
        }

        Directory.Delete(folder, true);
    }

    [Fact]
    public async Task Port_in_use_is_a_clear_error()
    {
        await using var server = await EchoServer.StartAsync();
        await using var second = new GrpcHost(
            new GrpcServices(),
            new GrpcHostOptions { EndPoint = new IPEndPoint(IPAddress.Loopback, server.Url.Port) },
            NullLoggerFactory.Instance);

        var error = await Assert.ThrowsAsync<WireException>(() => second.StartAsync(Stop));

        Assert.Equal(WireError.AddressInUse, error.Error);
        Assert.Contains($"{server.Url.Port}: it is in use", error.Message);
    }

    [Fact]
    public async Task Other_content_types_and_verbs_are_refused_as_HTTP()
    {
        await using var server = await EchoServer.StartAsync();
        using var http = Http(server);
        using var json = Request(server, HttpMethod.Post, "application/json");
        using var get = Request(server, HttpMethod.Get, null);

        using var first = await http.SendAsync(json, Stop);
        using var second = await http.SendAsync(get, Stop);

        Assert.Equal(HttpStatusCode.UnsupportedMediaType, first.StatusCode);
        Assert.Equal(HttpStatusCode.MethodNotAllowed, second.StatusCode);
    }

    [Fact]
    public async Task Error_before_any_message_is_sent_in_the_headers_alone()
    {
        await using var server = await EchoServer.StartAsync();
        using var http = Http(server);
        using var request = Request(server, HttpMethod.Post, "application/grpc");
        request.Headers.TryAddWithoutValidation("grpc-encoding", "snappy");

        using var response = await http.SendAsync(request, Stop);

        Assert.Equal(HttpStatusCode.OK, response.StatusCode);
        Assert.Equal("12", response.Headers.GetValues("grpc-status").Single());
        Assert.Equal("identity,gzip,deflate", response.Headers.GetValues("grpc-accept-encoding").Single());
        Assert.Empty(await response.Content.ReadAsByteArrayAsync(Stop));
    }

    internal static HttpClient Http(EchoServer server) => new(new SocketsHttpHandler())
    {
        BaseAddress = server.Url,
        DefaultRequestVersion = HttpVersion.Version20,
        DefaultVersionPolicy = HttpVersionPolicy.RequestVersionExact,
    };

    internal static HttpRequestMessage Request(
        EchoServer server, HttpMethod verb, string? contentType, byte[]? body = null)
    {
        var request = new HttpRequestMessage(verb, new Uri(server.Url, EchoServer.Say.Path))
        {
            Version = HttpVersion.Version20,
            VersionPolicy = HttpVersionPolicy.RequestVersionExact,
        };
        if (contentType is not null)
        {
            request.Content = new ByteArrayContent(body ?? []);
            request.Content.Headers.ContentType = MediaTypeHeaderValue.Parse(contentType);
        }

        return request;
    }

    private static X509Certificate2 SelfMade()
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var request = new CertificateRequest("CN=localhost", key, HashAlgorithmName.SHA256);
        var start = new DateTimeOffset(2020, 1, 1, 0, 0, 0, TimeSpan.Zero);
        return request.CreateSelfSigned(start, start.AddYears(50));
    }
}
