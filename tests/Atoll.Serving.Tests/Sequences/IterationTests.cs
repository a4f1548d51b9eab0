using System.Net;
using System.Text;
using Atoll.Models;

namespace Atoll.Serving.Tests;

/// <summary>Counts down from INPUT: each answer is one less, the last is zero.</summary>
public sealed class IterationTests
{
    private const string Configuration = """
        {"model_transaction_policy":{"decoupled":true},
        "iteration":{"continue_output":"MORE","max_iterations":100,
        "state":[{"input_name":"DONE_IN","output_name":"DONE_OUT"}]}}
        """;

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Each_iteration_is_an_event()
    {
        await using var server = await ServeAsync();

        var text = await PostAsync(server, "generate_stream", """{"INPUT":3,"id":"a"}""");

        Assert.Equal(string.Concat(Enumerable.Range(0, 4).Select(i =>
            "data: {\"id\":\"a\",\"model_name\":\"m\",\"model_version\":\"1\",\"LEFT\":" + (3 - i) + "}\n\n")), text);
    }

    [Fact]
    public async Task Answers_that_do_not_end_are_stopped_and_said_so()
    {
        await using var server = await ServeAsync();

        var text = await PostAsync(server, "generate_stream", """{"INPUT":1000}""");

        Assert.EndsWith("(max_iterations of iteration)\"}\n\n", text);
        Assert.Equal(101, text.Split("data: ").Length - 1);
    }

    [Fact]
    public async Task Generate_takes_one_answer_only_and_infer_none()
    {
        await using var server = await ServeAsync();

        var one = await server.SendAsync(Post("generate", """{"INPUT":0}"""));
        var many = await server.SendAsync(Post("generate", """{"INPUT":2}"""));
        var infer = await server.InferAsync(
            "m", """{"inputs":[{"name":"INPUT","shape":[1],"datatype":"INT32","data":[1]}]}""");

        Assert.Equal(0, one.Json.GetProperty("LEFT").GetInt32());
        Assert.Equal(HttpStatusCode.BadRequest, many.Status);
        Assert.Contains("exactly 1 response", many.Json.GetProperty("error").GetString());
        var (_, stats) = await server.GetAsync("/v2/models/m/stats");
        var counts = stats.GetProperty("model_stats")[0].GetProperty("inference_stats");
        Assert.Equal(1, counts.GetProperty("success").GetProperty("count").GetInt32());
        Assert.Equal(2, counts.GetProperty("fail").GetProperty("count").GetInt32());
        Assert.Contains("decoupled transaction policy", infer.Json.GetProperty("error").GetString());
    }

    [Fact]
    public async Task Statistics_tell_requests_executions_and_responses_apart()
    {
        await using var server = await ServeAsync();
        await PostAsync(server, "generate_stream", """{"INPUT":3}""");
        await PostAsync(server, "generate_stream", """{"INPUT":0}""");

        var (_, json) = await server.GetAsync("/v2/models/m/stats");
        var row = json.GetProperty("model_stats")[0];

        Assert.Equal(2, row.GetProperty("inference_count").GetInt32());
        Assert.Equal(5, row.GetProperty("execution_count").GetInt32());
        Assert.Equal(2, row.GetProperty("inference_stats").GetProperty("success").GetProperty("count").GetInt32());
        Assert.Equal([2, 1, 1, 1], row.GetProperty("response_stats").EnumerateObject().Select(
            response => response.Value.GetProperty("success").GetProperty("count").GetInt32()));
    }

    [Theory]
    [InlineData("""{"INPUT":[[1]]}""", "input 'INPUT' has shape [1,1]")]
    [InlineData("""{"INPUT":[1,2]}""", "input 'INPUT' has shape [2]")]
    [InlineData("""{"INPUT":"a"}""", "is not a INT32")]
    [InlineData("""{}""", "input 'INPUT' of model 'm' is missing")]
    [InlineData("""{"INPUT":1,"INPUT":2}""", "given twice")]
    [InlineData("""[1]""", "must be a JSON object")]
    [InlineData("""{"INPUT":1,"parameters":{"priority":"x"}}""", "parameter 'priority' must be a whole number")]
    public async Task Wrong_generate_requests_are_refused(string body, string reason)
    {
        await using var server = await ServeAsync();

        var (status, json) = await server.SendAsync(Post("generate_stream", body));

        Assert.Equal(HttpStatusCode.BadRequest, status);
        Assert.Contains(reason, json.GetProperty("error").GetString());
    }

    private static Task<TestServer> ServeAsync()
    {
        TensorMetadata Tensor(string name) => new(name, ElementType.Int32, [1]);
        var metadata = new ModelMetadata
        {
            Name = "m",
            Inputs = [Tensor("INPUT"), Tensor("DONE_IN")],
            Outputs = [Tensor("LEFT"), Tensor("DONE_OUT"), new("MORE", ElementType.Bool, [1])],
        };
        return new ScriptedModel(metadata, inputs =>
        {
            var done = BitConverter.ToInt32(inputs[1].Data.Span);
            var left = BitConverter.ToInt32(inputs[0].Data.Span) - done;
            return [([1], BitConverter.GetBytes(left)), ([1], BitConverter.GetBytes(done + 1)),
                ([1], [left > 0 ? (byte)1 : (byte)0])];
        }).ServeAsync(Configuration);
    }

    private static HttpRequestMessage Post(string action, string body) => new(HttpMethod.Post, $"/v2/models/m/{action}")
    {
        Content = new StringContent(body, Encoding.UTF8, "application/json"),
    };

    private static async Task<string> PostAsync(TestServer server, string action, string body)
    {
        using var response = await server.Client.SendAsync(Post(action, body), Token);
        Assert.Equal("text/event-stream; charset=utf-8", response.Content.Headers.ContentType?.ToString());
        return await response.Content.ReadAsStringAsync(Token);
    }
}
