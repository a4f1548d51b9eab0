using System.Net;
using System.Text;
using Atoll.Models;

namespace Atoll.Serving.Tests;

public sealed class BadRequestTests
{
    private const string Good = """{"name":"x","shape":[2],"datatype":"FP32","data":[1,2]}""";

    [Theory]
    [InlineData("", "request body is empty")]
    [InlineData("[]", "must be a JSON object")]
    [InlineData("{", "not valid JSON")]
    [InlineData("{} {}", "not valid JSON")]
    [InlineData("{}", "request has no 'inputs'")]
    [InlineData("""{"inputs":7}""", "'inputs' must be an array")]
    [InlineData("""{"inputs":[]}""", "input 'x' of model 'm' is missing (0 of 1 inputs given)")]
    [InlineData($$$"""{"inputs":[{{{Good}}}],"inputs":[{{{Good}}}]}""", "'inputs' is given twice")]
    [InlineData($$$"""{"inputs":[{{{Good}}},{{{Good}}}]}""", "input 'x' is given twice")]
    [InlineData($$$"""{"id":"a","inputs":[{{{Good}}}],"id":"b"}""", "'id' is given twice")]
    [InlineData(
        $$$"""{"parameters":{},"inputs":[{{{Good}}}],"parameters":{"priority":1}}""", "'parameters' is given twice")]
    [InlineData($$$"""{"outputs":[],"inputs":[{{{Good}}}],"outputs":[]}""", "'outputs' is given twice")]
    [InlineData($$$"""{"inputs":[{{{Good}}}],"outputs":[{"name":"y","name":"y"}]}""", "output 'y' has 'name' twice")]
    [InlineData(
        $$$"""{"inputs":[{{{Good}}}],"outputs":[{"name":"y","parameters":{},"parameters":{}}]}""",
        "output 'y' has 'parameters' twice")]
    [InlineData($$$"""{"id":7,"inputs":[{{{Good}}}]}""", "id must be a string")]
    [InlineData(
        $$$"""{"inputs":[{{{Good}}}],"outputs":[{"name":"q"}]}""",
        "unexpected output 'q' for model 'm'; it has 'y'")]
    [InlineData($$$"""{"inputs":[{{{Good}}}],"outputs":[{"name":"y"},{"name":"y"}]}""", "asked for twice")]
    [InlineData(
        $$$"""{"inputs":[{{{Good}}}],"outputs":[{"name":"y","parameters":{"classification":-3}}]}""",
        "'classification' must be a whole number")]
    [InlineData($$$"""{"inputs":[{{{Good}}}],"parameters":{"sequence_id":-3}}""", "'sequence_id' must be")]
    [InlineData(
        $$$"""{"inputs":[{{{Good}}}],"parameters":{"priority":-1}}""",
        "'priority' must be a whole number from 0 to 16")]
    [InlineData($$$"""{"inputs":[{{{Good}}}],"parameters":{"priority":1.5}}""", "'priority' must be a whole number")]
    [InlineData($$$"""{"inputs":[{{{Good}}}],"parameters":{"priority":17}}""", "'priority' must be a whole number")]
    [InlineData($$$"""{"inputs":[{{{Good}}}],"parameters":{"priority":"1"}}""", "'priority' must be a whole number")]
    [InlineData(
        $$$"""{"inputs":[{{{Good}}}],"parameters":{"timeout":-5}}""",
        "'timeout' (microseconds) must be a whole number")]
    [InlineData(
        $$$"""{"inputs":[{{{Good}}}],"parameters":{"timeout":0.5}}""",
        "'timeout' (microseconds) must be a whole number")]
    [InlineData($$$"""{"inputs":[{{{Good}}}],"parameters":{"timeout":NaN}}""", "not valid JSON")]
    [InlineData(
        $$$"""{"inputs":[{{{Good}}}],"parameters":{"timeout":"NaN"}}""",
        "'timeout' (microseconds) must be a whole number")]
    public async Task Wrong_request_is_refused_with_its_reason(string body, string reason) =>
        await RefusesAsync(body, reason);

    [Theory]
    [InlineData("""{"shape":[2],"datatype":"FP32","data":[1,2]}""", "an input has no 'name'")]
    [InlineData("""{"name":"x","datatype":"FP32","data":[1,2]}""", "input 'x' has no 'shape'")]
    [InlineData("""{"name":"x","shape":[2],"data":[1,2]}""", "input 'x' has no 'datatype'")]
    [InlineData(
        """{"name":"x","shape":[2],"datatype":"FP32","data":[1,2],"shape":[8]}""", "input 'x' has 'shape' twice")]
    [InlineData("""{"name":"x","shape":[2],"datatype":"FP32","data":[1,2],"name":"q"}""", "has 'name' twice")]
    [InlineData("""{"name":"x","shape":[2],"datatype":"FP32","data":[1,2],"datatype":"INT8"}""", "'datatype' twice")]
    [InlineData("""{"name":"x","shape":[2],"datatype":"FP32","data":[1,2],"data":[3,4]}""", "has 'data' twice")]
    [InlineData(
        """{"parameters":{"binary_data_size":8},"name":"x","shape":[2],"datatype":"FP32","parameters":{}}""",
        "'parameters' twice")]
    [InlineData(
        """{"name":"x","shape":[2],"datatype":"FP32","parameters":{"binary_data_size":8},"data":[1,2]}""",
        "has both 'data' and binary_data_size")]
    [InlineData("""{"name":"x","shape":[2],"datatype":"FP32"}""", "neither 'data' nor binary_data_size")]
    [InlineData(
        """{"name":"q","shape":[2],"datatype":"FP32","data":[1,2]}""",
        "unexpected input 'q' for model 'm'; it has 'x'")]
    [InlineData(
        """{"name":"x","shape":[3],"datatype":"FP32","data":[1,2,3]}""",
        "has shape [3]; model 'm' expects [2]")]
    [InlineData(
        """{"name":"x","shape":[1,2],"datatype":"FP32","data":[1,2]}""",
        "has shape [1,2]; model 'm' expects [2]")]
    [InlineData("""{"name":"x","shape":[-2],"datatype":"FP32","data":[1,2]}""", "whole number of at least 0")]
    [InlineData("""{"name":"x","shape":[2.5],"datatype":"FP32","data":[1,2]}""", "whole number of at least 0")]
    [InlineData(
        """{"name":"x","shape":[1152921504606846976],"datatype":"FP32","data":[1,2]}""",
        "has shape [1152921504606846976]")]
    [InlineData(
        """{"name":"x","shape":[1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1],"datatype":"FP32","data":[1]}""",
        "more than 16 dimensions")]
    [InlineData("""{"name":"x","shape":[2],"datatype":"FP32","data":[1]}""", "has 2 elements, data has 1")]
    [InlineData("""{"name":"x","shape":[2],"datatype":"FP32","data":[1,2,3]}""", "has 2 elements, data has more")]
    [InlineData("""{"data":[1,2,3],"name":"x","shape":[2],"datatype":"FP32"}""", "has 2 elements, data has more")]
    [InlineData("""{"name":"x","shape":[2],"datatype":"FP32","data":[1,"2"]}""", "element 1 of data is not a FP32")]
    [InlineData("""{"name":"x","shape":[2],"datatype":"FP32","data":[1,null]}""", "element 1 of data is not a FP32")]
    [InlineData("""{"name":"x","shape":[2],"datatype":"FP32","data":[1,1e99]}""", "element 1 of data is not a FP32")]
    [InlineData("""{"name":"x","shape":[2],"datatype":"FP32","data":7}""", "data must be an array")]
    [InlineData("""{"name":"x","shape":[2],"datatype":"FP99","data":[1,2]}""", "there is no datatype 'FP99'")]
    [InlineData(
        """{"name":"x","shape":[2],"datatype":"INT32","data":[1,2]}""",
        "has datatype INT32; model 'm' expects FP32")]
    [InlineData(
        """{"name":"x","shape":[2],"datatype":"BYTES","data":["a","b"]}""",
        "has datatype BYTES; model 'm' expects FP32")]
    [InlineData(
        """{"name":"x","shape":[2],"datatype":"FP32","parameters":{"binary_data_size":8}}""",
        "the body has 0 bytes left")]
    [InlineData(
        """{"name":"x","shape":[2],"datatype":"FP32","parameters":{"binary_data_size":4}}""",
        "binary_data_size is 4; FP32 of shape [2] has 8 bytes")]
    [InlineData(
        """{"name":"x","shape":[2],"datatype":"FP32","parameters":{"shared_memory_region":"r"}}""",
        "needs 'shared_memory_byte_size' beside it")]
    [InlineData("""{"name":"x\ud800","shape":[2],"datatype":"FP32","data":[1,2]}""", "text that is not valid")]
    public async Task Wrong_input_is_refused_with_its_reason(string input, string reason) =>
        await RefusesAsync($$"""{"inputs":[{{input}}]}""", reason);

    [Fact]
    public async Task Huge_variable_dimensions_are_refused_before_anything_is_allocated()
    {
        await using var server = await TestServer.StartAsync(
            new FakeModel(FakeModel.Describe("m", ElementType.Float32, -1, -1)));

        const string Dim = "1152921504606846976";
        var (status, json) = await server.InferAsync(
            "m", $$"""{"inputs":[{"name":"x","shape":[{{Dim}},{{Dim}}],"datatype":"FP32","data":[1]}]}""");

        Assert.Equal(HttpStatusCode.BadRequest, status);
        Assert.Contains("more elements than the body of", json.GetProperty("error").GetString());
    }

    [Theory]
    [InlineData("-1")]
    [InlineData("1e3")]
    [InlineData("99999999999999999999")]
    [InlineData("1000")]
    public async Task Wrong_json_length_header_is_refused(string length)
    {
        await using var server = await TestServer.StartAsync(
            new FakeModel(FakeModel.Describe("m", ElementType.Float32, 2)));
        var request = new HttpRequestMessage(HttpMethod.Post, "/v2/models/m/infer")
        {
            Content = new StringContent("{}"),
        };
        request.Headers.Add("Inference-Header-Content-Length", length);

        var (status, json) = await server.SendAsync(request);

        Assert.Equal(HttpStatusCode.BadRequest, status);
        Assert.Contains("must be a whole number from 0 to the body's 2 bytes", json.GetProperty("error").GetString());
    }

    [Fact]
    public async Task Oversized_body_names_limit_and_setting()
    {
        var options = new ServingOptions { ModelDefaults = new() { MaxBodyBytes = 100 } };
        await using var server = await TestServer.StartAsync(
            options, [new FakeModel(FakeModel.Describe("m", ElementType.Float32, 2))]);

        var (status, json) = await server.InferAsync("m", new string(' ', 101));

        Assert.Equal(HttpStatusCode.RequestEntityTooLarge, status);
        Assert.Contains("101 bytes; the limit is 100 bytes (setting max_body_bytes",
            json.GetProperty("error").GetString());
    }

    [Fact]
    public async Task Wrong_method_path_and_encoding_are_refused()
    {
        await using var server = await TestServer.StartAsync(
            new FakeModel(FakeModel.Describe("m", ElementType.Float32, 2)));
        var encoded = new HttpRequestMessage(HttpMethod.Post, "/v2/models/m/infer")
        {
            Content = new StringContent("x"),
        };
        encoded.Content.Headers.ContentEncoding.Add("br");
        var corrupt = new HttpRequestMessage(HttpMethod.Post, "/v2/models/m/infer")
        {
            Content = new ByteArrayContent(Encoding.UTF8.GetBytes("not gzip")),
        };
        corrupt.Content.Headers.ContentEncoding.Add("gzip");

        Assert.Equal(HttpStatusCode.MethodNotAllowed, (await server.GetAsync("/v2/models/m/infer")).Status);
        Assert.Equal(HttpStatusCode.NotFound, (await server.GetAsync("/v2/nothing/here")).Status);
        Assert.Equal(HttpStatusCode.NotFound, (await server.GetAsync("/v2/models/m/versions/9")).Status);
        Assert.Equal(HttpStatusCode.UnsupportedMediaType, (await server.SendAsync(encoded)).Status);
        Assert.Equal(HttpStatusCode.BadRequest, (await server.SendAsync(corrupt)).Status);
    }

    [Fact]
    public async Task Output_without_json_form_is_refused_and_can_be_had_in_binary()
    {
        var model = new FakeModel(FakeModel.Describe("m", ElementType.Float32, 1)) { OutputValue = float.NaN };
        await using var server = await TestServer.StartAsync(model);

        var (status, json) = await server.InferAsync(
            "m", """{"inputs":[{"name":"x","shape":[1],"datatype":"FP32","data":[1]}]}""");

        Assert.Equal(HttpStatusCode.BadRequest, status);
        Assert.Contains("ask for it as binary", json.GetProperty("error").GetString());
    }

    private static async Task RefusesAsync(string body, string reason)
    {
        await using var server = await TestServer.StartAsync(
            new FakeModel(FakeModel.Describe("m", ElementType.Float32, 2)));

        var (status, json) = await server.InferAsync("m", body);

        Assert.Equal(HttpStatusCode.BadRequest, status);
        Assert.Contains(reason, json.GetProperty("error").GetString());
    }
}
