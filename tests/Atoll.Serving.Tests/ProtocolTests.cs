using System.Net;
using Atoll.Models;

namespace Atoll.Serving.Tests;

public sealed class ProtocolTests
{
    private const string TwoFloats = """{"name":"x","shape":[2],"datatype":"FP32","data":[1.5,-2]}""";

    private static FakeModel Floats(string name = "m") => new(FakeModel.Describe(name, ElementType.Float32, 2));

    [Fact]
    public async Task Health_and_server_metadata_are_answered()
    {
        await using var server = await TestServer.StartAsync(Floats());

        var live = await server.GetAsync("/v2/health/live");
        var ready = await server.GetAsync("/v2/health/ready");
        var about = await server.GetAsync("/v2?verbose=1");

        Assert.True(live.Json.GetProperty("live").GetBoolean());
        Assert.True(ready.Json.GetProperty("ready").GetBoolean());
        Assert.Equal("atoll", about.Json.GetProperty("name").GetString());
        Assert.Contains("binary_tensor_data",
            about.Json.GetProperty("extensions").EnumerateArray().Select(e => e.GetString()));
    }

    [Fact]
    public async Task Model_metadata_names_its_tensors()
    {
        await using var server = await TestServer.StartAsync(Floats());

        var (status, json) = await server.GetAsync("/v2/models/m/versions/1");

        Assert.Equal(HttpStatusCode.OK, status);
        Assert.Equal("""[{"name":"x","datatype":"FP32","shape":[2]}]""", json.GetProperty("inputs").GetRawText());
        Assert.Equal("""["1"]""", json.GetProperty("versions").GetRawText());
    }

    [Fact]
    public async Task Names_are_percent_decoded_and_slashes_stay_within_them()
    {
        await using var server = await TestServer.StartAsync(Floats("a b/ü"));

        var (status, json) = await server.GetAsync("/v2/models/a%20b%2F%C3%BC/ready");

        Assert.Equal(HttpStatusCode.OK, status);
        Assert.Equal("a b/ü", json.GetProperty("name").GetString());
    }

    [Fact]
    public async Task Json_request_is_answered_with_its_id_and_all_outputs()
    {
        await using var server = await TestServer.StartAsync(Floats());

        var (status, json) = await server.InferAsync("m", $$"""{"id":"q7","inputs":[{{TwoFloats}}]}""");

        Assert.Equal(HttpStatusCode.OK, status);
        Assert.Equal(
            """[{"name":"y","datatype":"FP32","shape":[2],"data":[1.5,-2]}]""",
                json.GetProperty("outputs").GetRawText());
        Assert.Equal("q7", json.GetProperty("id").GetString());
        Assert.Equal("m", json.GetProperty("model_name").GetString());
    }

    [Theory]
    [InlineData("BOOL", ElementType.Bool, "[true,false]")]
    [InlineData("INT8", ElementType.Int8, "[-128,127]")]
    [InlineData("INT16", ElementType.Int16, "[-32768,32767]")]
    [InlineData("INT32", ElementType.Int32, "[-2147483648,2147483647]")]
    [InlineData("INT64", ElementType.Int64, "[-9223372036854775808,9223372036854775807]")]
    [InlineData("UINT8", ElementType.UInt8, "[0,255]")]
    [InlineData("UINT16", ElementType.UInt16, "[0,65535]")]
    [InlineData("UINT32", ElementType.UInt32, "[0,4294967295]")]
    [InlineData("UINT64", ElementType.UInt64, "[0,18446744073709551615]")]
    [InlineData("FP32", ElementType.Float32, "[1.5,-3.4028235E+38]")]
    [InlineData("FP64", ElementType.Float64, "[0.1,-1.7976931348623157E+308]")]
    public async Task Every_json_type_makes_the_round_trip(string datatype, ElementType type, string data)
    {
        await using var server = await TestServer.StartAsync(new FakeModel(FakeModel.Describe("m", type, 2)));

        var (status, json) = await server.InferAsync(
            "m", $$"""{"inputs":[{"name":"x","shape":[2],"datatype":"{{datatype}}","data":{{data}}}]}""");

        Assert.Equal(HttpStatusCode.OK, status);
        Assert.Equal(data, json.GetProperty("outputs")[0].GetProperty("data").GetRawText());
    }

    [Theory]
    [InlineData("""{"data":[[1,2],[3,4]],"shape":[2,2],"datatype":"FP32","name":"x"}""")]
    [InlineData("""{"name":"x","shape":[2,2],"datatype":"FP32","data":[1,2,3,4]}""")]
    [InlineData("""{"unknown":{"a":[1]},"name":"x","data":[[[1],2],[3,[4]]],"shape":[2,2],"datatype":"FP32"}""")]
    public async Task Data_may_be_nested_or_flat_and_members_come_in_any_order(string input)
    {
        await using var server = await TestServer.StartAsync(
            new FakeModel(FakeModel.Describe("m", ElementType.Float32, -1, 2)));

        var (_, json) = await server.InferAsync("m", $$"""{"inputs":[{{input}}]}""");

        Assert.Equal("[1,2,3,4]", json.GetProperty("outputs")[0].GetProperty("data").GetRawText());
    }

    [Fact]
    public async Task Unknown_model_is_named_in_the_answer()
    {
        await using var server = await TestServer.StartAsync(Floats());

        var (status, json) = await server.InferAsync("nope", "{}");

        Assert.Equal(HttpStatusCode.NotFound, status);
        Assert.Equal("Request for unknown model: 'nope' is not found", json.GetProperty("error").GetString());
    }

    [Fact]
    public async Task Model_that_fails_to_load_is_listed_with_its_reason_and_the_others_serve()
    {
        await using var server = await TestServer.StartAsync(
            new ServingOptions(), [Floats()], new ModelSource("broken", "1", "broken.onnx", null));

        var (status, json) = await server.InferAsync("broken", "{}");
        var list = await server.GetAsync("/v2/models");
        var good = await server.InferAsync("m", $$"""{"inputs":[{{TwoFloats}}]}""");

        Assert.Equal(HttpStatusCode.ServiceUnavailable, status);
        Assert.Contains("failed to load: no operator 'Frobnicate'", json.GetProperty("error").GetString());
        Assert.False(list.Json.GetProperty("models")[0].GetProperty("ready").GetBoolean());
        Assert.Equal(HttpStatusCode.OK, good.Status);
    }
}
