using System.Net;
using System.Text;
using System.Text.Json;
using Atoll.Models;

namespace Atoll.Serving.Tests;

public sealed class BytesTests
{
    private static CancellationToken Token => TestContext.Current.CancellationToken;

    private static FakeModel Model(params long[] shape) =>
        new(FakeModel.Describe("m", ElementType.String, shape.Length > 0 ? shape : [-1]));

    [Fact]
    public async Task Strings_make_the_round_trip_in_json()
    {
        await using var server = await TestServer.StartAsync(Model(2, 2));

        var (status, json) = await server.InferAsync("m",
            """{"inputs":[{"name":"x","shape":[2,2],"datatype":"BYTES","data":[["a",""],["\u00e9\n","{}"]]}]}""");

        Assert.Equal(HttpStatusCode.OK, status);
        Assert.Equal(["a", "", "é\n", "{}"],
            json.GetProperty("outputs")[0].GetProperty("data").EnumerateArray().Select(e => e.GetString()));
        Assert.Equal("BYTES", json.GetProperty("outputs")[0].GetProperty("datatype").GetString());
    }

    [Fact]
    public async Task Strings_travel_in_binary_with_their_lengths()
    {
        await using var server = await TestServer.StartAsync(Model());
        byte[] data = [2, 0, 0, 0, 0xff, 0xfe, 0, 0, 0, 0];

        var (json, binary) = await SendAsync(server, """
            {"inputs":[{"name":"x","shape":[2],"datatype":"BYTES","parameters":{"binary_data_size":10}}],
            "parameters":{"binary_data_output":true}}
            """, data);

        Assert.Equal(data, binary);
        Assert.Equal(10,
            json.GetProperty("outputs")[0].GetProperty("parameters").GetProperty("binary_data_size").GetInt32());
    }

    [Fact]
    public async Task Raw_request_is_one_string()
    {
        await using var server = await TestServer.StartAsync(Model());

        var (json, binary) = await SendAsync(server, "", Encoding.UTF8.GetBytes("hello"));

        Assert.Equal("[1]", json.GetProperty("outputs")[0].GetProperty("shape").GetRawText());
        Assert.Equal([5, 0, 0, 0, .. Encoding.UTF8.GetBytes("hello")], binary);
    }

    [Theory]
    [InlineData("""{"name":"x","shape":[2],"datatype":"BYTES","data":["a"]}""", "has 2 elements, data has 1")]
    [InlineData("""{"name":"x","shape":[1],"datatype":"BYTES","data":["a","b"]}""", "data has more")]
    [InlineData("""{"name":"x","shape":[1],"datatype":"BYTES","data":[1]}""", "element 0 of data is not a BYTES")]
    [InlineData("""{"name":"x","shape":[1],"datatype":"BYTES","data":"a"}""", "data must be an array")]
    [InlineData("""{"name":"x","shape":[1152921504606846976],"datatype":"BYTES","data":[]}""", "more elements than")]
    [InlineData("""{"name":"x","shape":[1],"datatype":"BYTES","data":["\ud800"]}""", "text that is not valid")]
    public async Task Wrong_strings_are_a_clean_refusal(string input, string reason)
    {
        await using var server = await TestServer.StartAsync(Model());

        var (status, json) = await server.InferAsync("m", $$"""{"inputs":[{{input}}]}""");

        Assert.Equal(HttpStatusCode.BadRequest, status);
        Assert.Contains(reason, json.GetProperty("error").GetString());
    }

    [Theory]
    [InlineData(new byte[] { 3, 0, 0, 0, 65 }, "the data does not end with one")]
    [InlineData(new byte[] { 255, 255, 255, 255, 65 }, "the data does not end with one")]
    [InlineData(new byte[] { 0, 0, 0, 0, 0 }, "the data does not end with one")]
    [InlineData(new byte[] { 0, 0, 0, 0, 0, 0, 0, 0 }, "the data has 2")]
    public async Task Wrong_lengths_in_binary_are_a_clean_refusal(byte[] data, string reason)
    {
        await using var server = await TestServer.StartAsync(Model());
        var json = "{\"inputs\":[{\"name\":\"x\",\"shape\":[1],\"datatype\":\"BYTES\"," +
            $"\"parameters\":{{\"binary_data_size\":{data.Length}}}}}]}}";

        using var response = await server.Client.SendAsync(Request(json, data), Token);
        var text = await response.Content.ReadAsStringAsync(Token);

        Assert.Equal(HttpStatusCode.BadRequest, response.StatusCode);
        Assert.Contains(reason, text);
    }

    [Fact]
    public async Task Strings_that_are_not_utf8_are_answered_in_binary_only()
    {
        await using var server = await TestServer.StartAsync(Model());
        using var response = await server.Client.SendAsync(Request("""
            {"inputs":[{"name":"x","shape":[1],"datatype":"BYTES","parameters":{"binary_data_size":5}}]}
            """, [1, 0, 0, 0, 0xff]), Token);

        Assert.Equal(HttpStatusCode.BadRequest, response.StatusCode);
        Assert.Contains("bytes that are not UTF-8", await response.Content.ReadAsStringAsync(Token));
    }

    private static HttpRequestMessage Request(string json, byte[] binary)
    {
        var request = new HttpRequestMessage(HttpMethod.Post, "/v2/models/m/infer")
        {
            Content = new ByteArrayContent([.. Encoding.UTF8.GetBytes(json), .. binary]),
        };
        request.Headers.Add("Inference-Header-Content-Length", $"{Encoding.UTF8.GetByteCount(json)}");
        return request;
    }

    private static async Task<(JsonElement Json, byte[] Binary)> SendAsync(
        TestServer server, string json, byte[] binary)
    {
        using var response = await server.Client.SendAsync(Request(json, binary), Token);
        var body = await response.Content.ReadAsByteArrayAsync(Token);
        Assert.True(response.IsSuccessStatusCode, Encoding.UTF8.GetString(body));
        var length = int.Parse(response.Headers.GetValues("Inference-Header-Content-Length").Single());
        using var document = JsonDocument.Parse(body.AsMemory(0, length));
        return (document.RootElement.Clone(), body[length..]);
    }
}
