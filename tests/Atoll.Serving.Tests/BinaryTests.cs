using System.IO.Compression;
using System.Net;
using System.Runtime.InteropServices;
using System.Text;
using System.Text.Json;
using Atoll.Models;

namespace Atoll.Serving.Tests;

public sealed class BinaryTests
{
    private const string LengthHeader = "Inference-Header-Content-Length";

    private static readonly byte[] Floats = MemoryMarshal.AsBytes<float>([1.5f, -2f]).ToArray();

    private static ModelMetadata TwoTensors => new()
    {
        Name = "m",
        Inputs = [new("x", ElementType.Float32, [2]), new("z", ElementType.Int32, [1])],
        Outputs = [new("y", ElementType.Float32, [2]), new("w", ElementType.Int32, [1])],
    };

    [Fact]
    public async Task Binary_and_json_tensors_mix_in_both_directions()
    {
        await using var server = await TestServer.StartAsync(new FakeModel(TwoTensors));
        const string Json = """
            {"inputs":[{"name":"z","shape":[1],"datatype":"INT32","data":[7]},
            {"name":"x","shape":[2],"datatype":"FP32","parameters":{"binary_data_size":8}}],
            "outputs":[{"name":"w"},{"name":"y","parameters":{"binary_data":true}}]}
            """;

        using var response = await server.Client.SendAsync(Request(Json, Floats),
            TestContext.Current.CancellationToken);
        var (json, binary) = await SplitAsync(response);

        Assert.Equal("application/octet-stream", response.Content.Headers.ContentType?.MediaType);
        Assert.Equal("[7]", json.GetProperty("outputs")[0].GetProperty("data").GetRawText());
        Assert.Equal(8,
            json.GetProperty("outputs")[1].GetProperty("parameters").GetProperty("binary_data_size").GetInt32());
        Assert.Equal(Floats, binary);
    }

    [Fact]
    public async Task Binary_output_can_be_the_default_and_be_overridden()
    {
        await using var server = await TestServer.StartAsync(new FakeModel(TwoTensors));
        const string Json = """
            {"inputs":[{"name":"z","shape":[1],"datatype":"INT32","data":[7]},
            {"name":"x","shape":[2],"datatype":"FP32","data":[1,2]}],"parameters":{"binary_data_output":true},
            "outputs":[{"name":"w","parameters":{"binary_data":false}},{"name":"y"}]}
            """;

        using var response = await server.Client.SendAsync(Request(Json, []), TestContext.Current.CancellationToken);
        var (json, binary) = await SplitAsync(response);

        Assert.True(json.GetProperty("outputs")[0].TryGetProperty("data", out _));
        Assert.Equal(8, binary.Length);
    }

    [Fact]
    public async Task Raw_binary_request_takes_its_shape_from_the_model()
    {
        await using var server = await TestServer.StartAsync(
            new FakeModel(FakeModel.Describe("m", ElementType.Float32, -1, 2)));

        using var response = await server.Client.SendAsync(Request("", Floats), TestContext.Current.CancellationToken);
        var (json, binary) = await SplitAsync(response);

        Assert.Equal("[1,2]", json.GetProperty("outputs")[0].GetProperty("shape").GetRawText());
        Assert.Equal(Floats, binary);
    }

    [Theory]
    [InlineData("FP16", ElementType.Float16)]
    [InlineData("BF16", ElementType.BFloat16)]
    public async Task Sixteen_bit_floats_travel_in_binary_and_are_refused_in_json(string datatype, ElementType type)
    {
        await using var server = await TestServer.StartAsync(new FakeModel(FakeModel.Describe("m", type, 1)));
        var binary = $$$"""
            {"inputs":[{"name":"x","shape":[1],"datatype":"{{{datatype}}}","parameters":{"binary_data_size":2}}],
            "parameters":{"binary_data_output":true}}
            """;
        var json = $$"""{"inputs":[{"name":"x","shape":[1],"datatype":"{{datatype}}","data":[1]}]}""";

        using var good = await server.Client.SendAsync(Request(binary, [0, 60]), TestContext.Current.CancellationToken);
        var bad = await server.InferAsync("m", json);

        Assert.Equal(new byte[] { 0, 60 }, (await SplitAsync(good)).Binary);
        Assert.Equal(HttpStatusCode.BadRequest, bad.Status);
        Assert.Contains("has no JSON form", bad.Json.GetProperty("error").GetString());
    }

    [Theory]
    [InlineData("gzip")]
    [InlineData("deflate")]
    public async Task Bodies_are_compressed_both_ways(string encoding)
    {
        await using var server = await TestServer.StartAsync(
            new FakeModel(FakeModel.Describe("m", ElementType.Int32, 2000)));
        var data = string.Join(',', Enumerable.Range(0, 2000));
        var json = Encoding.UTF8.GetBytes(
            $$"""{"inputs":[{"name":"x","shape":[2000],"datatype":"INT32","data":[{{data}}]}]}""");
        var request = new HttpRequestMessage(HttpMethod.Post, "/v2/models/m/infer")
        {
            Content = new ByteArrayContent(Compress(encoding, json)),
        };
        request.Content.Headers.ContentEncoding.Add(encoding);
        request.Headers.AcceptEncoding.ParseAdd(encoding);

        using var response = await server.Client.SendAsync(request, TestContext.Current.CancellationToken);
        var body = await response.Content.ReadAsStreamAsync(TestContext.Current.CancellationToken);
        await using Stream decoded = encoding == "gzip"
            ? new GZipStream(body, CompressionMode.Decompress)
            : new ZLibStream(body, CompressionMode.Decompress);
        using var answer = await JsonDocument.ParseAsync(decoded, default, TestContext.Current.CancellationToken);

        Assert.Equal(encoding, response.Content.Headers.ContentEncoding.Single());
        Assert.Equal($"[{data}]", answer.RootElement.GetProperty("outputs")[0].GetProperty("data").GetRawText());
    }

    [Fact]
    public async Task Compressed_bomb_is_stopped_at_the_limit()
    {
        var options = new ServingOptions { ModelDefaults = new() { MaxBodyBytes = 10_000 } };
        await using var server = await TestServer.StartAsync(options, [new FakeModel(TwoTensors)]);
        var request = new HttpRequestMessage(HttpMethod.Post, "/v2/models/m/infer")
        {
            Content = new ByteArrayContent(Compress("gzip", new byte[1_000_000])),
        };
        request.Content.Headers.ContentEncoding.Add("gzip");

        var (status, json) = await server.SendAsync(request);

        Assert.Equal(HttpStatusCode.RequestEntityTooLarge, status);
        Assert.Contains("10000 bytes (setting max_body_bytes", json.GetProperty("error").GetString());
    }

    [Fact]
    public async Task Chunked_body_is_read_whole()
    {
        await using var server = await TestServer.StartAsync(
            new FakeModel(FakeModel.Describe("m", ElementType.Float32, 2)));
        var request = Request("", Floats);
        request.Headers.TransferEncodingChunked = true;

        using var response = await server.Client.SendAsync(request, TestContext.Current.CancellationToken);

        Assert.Equal(Floats, (await SplitAsync(response)).Binary);
    }

    private static HttpRequestMessage Request(string json, byte[] binary)
    {
        var request = new HttpRequestMessage(HttpMethod.Post, "/v2/models/m/infer")
        {
            Content = new ByteArrayContent([.. Encoding.UTF8.GetBytes(json), .. binary]),
        };
        request.Headers.Add(LengthHeader, $"{Encoding.UTF8.GetByteCount(json)}");
        return request;
    }

    private static async Task<(JsonElement Json, byte[] Binary)> SplitAsync(HttpResponseMessage response)
    {
        var body = await response.Content.ReadAsByteArrayAsync(TestContext.Current.CancellationToken);
        Assert.True(response.IsSuccessStatusCode, Encoding.UTF8.GetString(body));
        var length = int.Parse(response.Headers.GetValues(LengthHeader).Single());
        using var json = JsonDocument.Parse(body.AsMemory(0, length));
        return (json.RootElement.Clone(), body[length..]);
    }

    private static byte[] Compress(string encoding, byte[] data)
    {
        using var target = new MemoryStream();
        using (Stream encoder = encoding == "gzip"
            ? new GZipStream(target, CompressionMode.Compress)
            : new ZLibStream(target, CompressionMode.Compress))
        {
            encoder.Write(data);
        }

        return target.ToArray();
    }
}
