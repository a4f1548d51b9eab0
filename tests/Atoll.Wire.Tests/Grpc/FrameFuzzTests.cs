using System.Buffers.Binary;
using System.Globalization;
using System.IO.Compression;
using System.Net;
using Google.Protobuf;

namespace Atoll.Wire.Tests;

/// <summary>Whatever the bytes, the call ends with a clean status and the server lives.</summary>
public sealed class FrameFuzzTests
{
    private static readonly string[] Methods = ["Say", "Repeat", "Join", "Chat"];
    private static readonly string?[] Encodings = [null, "identity", "gzip", "deflate", "br"];

    [Theory]
    [InlineData(new byte[] { 2, 0, 0, 0, 0 }, "flag 2")]
    [InlineData(new byte[] { 1, 0, 0, 0, 0 }, "grpc-encoding names no compression")]
    [InlineData(new byte[] { 0, 0, 0, 0, 9, 1 }, "1 of a message's 9 bytes")]
    [InlineData(new byte[] { 0, 0 }, "2 bytes of a message's prefix")]
    [InlineData(new byte[] { 0, 0, 0, 0, 2, 0xff, 0xff }, "are no EchoRequest")]
    public async Task Broken_frames_are_internal_errors(byte[] body, string reason)
    {
        await using var server = await EchoServer.StartAsync();
        using var http = TransportTests.Http(server);

        var (status, message) = await SendAsync(http, "Say", null, body);

        Assert.Equal(GrpcStatus.Internal, status);
        Assert.Contains(reason, message);
    }

    [Theory]
    [InlineData(new byte[0])]
    [InlineData(new byte[] { 0, 0, 0, 0, 0, 0, 0, 0, 0, 0 })]
    public async Task Wrong_number_of_messages_is_unimplemented(byte[] body)
    {
        await using var server = await EchoServer.StartAsync();
        using var http = TransportTests.Http(server);

        Assert.Equal(GrpcStatus.Unimplemented, (await SendAsync(http, "Say", null, body)).Status);
    }

    [Fact]
    public async Task Length_that_lies_costs_no_memory()
    {
        await using var server = await EchoServer.StartAsync(new GrpcHostOptions { MaxMessageBytes = int.MaxValue });
        using var http = TransportTests.Http(server);
        byte[] body = [0, 0x7f, 0xff, 0xff, 0xff, 1, 2, 3];
        await SendAsync(http, "Say", null, body);
        var before = GC.GetTotalAllocatedBytes(precise: true);

        for (var i = 0; i < 20; i++)
        {
            Assert.Equal(GrpcStatus.Internal, (await SendAsync(http, "Say", null, body)).Status);
        }

        Assert.InRange(GC.GetTotalAllocatedBytes(precise: true) - before, 0, 64L << 20);
    }

    [Fact]
    public async Task Mutated_frames_get_a_clean_status()
    {
        var seed = Environment.ProcessId;
        var random = new Random(seed);
        await using var server = await EchoServer.StartAsync(new GrpcHostOptions { MaxMessageBytes = 1 << 20 });
        using var http = TransportTests.Http(server);
        for (var i = 0; i < 4000; i++)
        {
            var method = Methods[random.Next(Methods.Length)];
            var encoding = Encodings[random.Next(Encodings.Length)];
            var (status, message) = await SendAsync(http, method, encoding, Mutated(random, encoding));

            var clean = status is GrpcStatus.Ok or GrpcStatus.Internal or GrpcStatus.ResourceExhausted
                or GrpcStatus.Unimplemented or GrpcStatus.Cancelled;
            // Cancelled: the server had answered before it had read the whole body, and the client took that first.
            Assert.True(clean, $"seed {seed}, case {i}: {status} {message}");
            Assert.True(status == GrpcStatus.Ok || message.Length > 10, $"seed {seed}, case {i}: {status} '{message}'");
            Assert.DoesNotContain("its log says more", message);
        }

        Assert.Equal("alive", (await server.SayAsync("alive")).Text);
    }

    private static async Task<(GrpcStatus Status, string Message)> SendAsync(
        HttpClient http, string method, string? encoding, byte[] body)
    {
        using var request = new HttpRequestMessage(HttpMethod.Post, $"/{EchoServer.Service}/{method}")
        {
            Version = HttpVersion.Version20,
            VersionPolicy = HttpVersionPolicy.RequestVersionExact,
            Content = new ByteArrayContent(body),
        };
        request.Content.Headers.ContentType = new("application/grpc");
        if (encoding is not null)
        {
            request.Headers.TryAddWithoutValidation("grpc-encoding", encoding);
        }

        using var response = await http.SendAsync(request, TestContext.Current.CancellationToken);
        await response.Content.ReadAsByteArrayAsync(TestContext.Current.CancellationToken);
        Assert.Equal(HttpStatusCode.OK, response.StatusCode);
        var headers = response.TrailingHeaders.Contains("grpc-status") ? response.TrailingHeaders : response.Headers;
        var status = int.Parse(headers.GetValues("grpc-status").Single(), CultureInfo.InvariantCulture);
        return ((GrpcStatus)status, headers.TryGetValues("grpc-message", out var text)
            ? PercentEncoding.Decode(text.Single())
            : "");
    }

    private static byte[] Mutated(Random random, string? encoding)
    {
        var body = new List<byte>();
        for (var messages = random.Next(1, 4); messages > 0; messages--)
        {
            body.AddRange(Frame(random, encoding));
        }

        for (var changes = random.Next(4); changes > 0; changes--)
        {
            var at = random.Next(body.Count + 1);
            switch (random.Next(4))
            {
                case 0:
                    body.InsertRange(at, BitConverter.GetBytes(random.Next()));
                    break;
                case 1 when at < body.Count:
                    body[at] = (byte)random.Next(256);
                    break;
                case 2 when at < body.Count:
                    body.RemoveRange(at, random.Next(body.Count - at));
                    break;
                default:
                    body.InsertRange(at, body[..random.Next(body.Count + 1)]);
                    break;
            }
        }

        return [.. body];
    }

    private static byte[] Frame(Random random, string? encoding)
    {
        var message = new EchoRequest
        {
            Text = new string('a', random.Next(20)),
            Data = ByteString.CopyFrom(new byte[random.Next(2000)]),
            Count = random.Next(5),
        }.ToByteArray();
        var compressed = encoding is "gzip" or "deflate" && random.Next(2) == 0;
        var payload = compressed ? Compress(encoding!, message) : message;
        var frame = new byte[5 + payload.Length];
        frame[0] = compressed ? (byte)1 : (byte)0;
        BinaryPrimitives.WriteInt32BigEndian(frame.AsSpan(1), payload.Length);
        payload.CopyTo(frame, 5);
        return frame;
    }

    private static byte[] Compress(string encoding, byte[] data)
    {
        using var bytes = new MemoryStream();
        using (Stream to = encoding == "gzip"
            ? new GZipStream(bytes, CompressionLevel.Fastest)
            : new ZLibStream(bytes, CompressionLevel.Fastest))
        {
            to.Write(data);
        }

        return bytes.ToArray();
    }
}
