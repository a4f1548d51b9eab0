using System.Net;
using System.Text;
using System.Text.Json;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;

namespace Atoll.Serving.Tests;

public sealed partial class RepositoryTests : IDisposable
{
    private const string One = """{"inputs":[{"name":"x","shape":[1,1],"datatype":"FP32","data":[0]}]}""";
    private const string AllVersions = """{"version_policy":{"all":{}}}""";

    private readonly FakeRepository _models = new();

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    public void Dispose() => _models.Dispose();

    [Theory]
    [InlineData(null, new[] { "3" })]
    [InlineData("""{"version_policy":{"latest":{}}}""", new[] { "3" })]
    [InlineData("""{"version_policy":{"latest":{"num_versions":2}}}""", new[] { "2", "3" })]
    [InlineData(AllVersions, new[] { "1", "2", "3" })]
    [InlineData("""{"version_policy":{"specific":{"versions":["1",3,9]}}}""", new[] { "1", "3" })]
    public async Task Version_policy_chooses_what_is_served(string? configuration, string[] versions)
    {
        WriteVersions("m", 3);
        if (configuration is not null)
        {
            _models.Write("m/config.json", configuration);
        }

        await using var server = await StartAsync(ModelControlMode.None);

        Assert.Equal(versions, server.Host.Models.Select(model => model.Version));
        Assert.Equal(3f, await ValueAsync(server));
    }

    [Theory]
    [InlineData("""{"version_policy":{"latest":{},"all":{}}}""", "has 2 rules")]
    [InlineData("""{"version_policy":{"latest":{"num_versions":0}}}""", "num_versions is 0")]
    [InlineData("""{"platform":"tensorflow_savedmodel"}""", "platform is 'tensorflow_savedmodel'")]
    [InlineData("""{"max_batch_size":-1}""", "max_batch_size is -1")]
    [InlineData("""{"sequence_batching":{"control_input":[null]}}""", "an element of control_input is null")]
    [InlineData("""{"sequence_batching":{"control_input":[{"name":"x","control":[null]}]}}""", "needs one control")]
    [InlineData("""{"sequence_batching":{"state":[null]}}""", "an element of state is null")]
    [InlineData("""{"sequence_batching":{"state":[{"input_name":"x"}]}}""", "an output_name")]
    [InlineData(
        """{"sequence_batching":{"state":[{"input_name":"x","output_name":"y","initial_state":[null]}]}}""",
        "an element of initial_state is null")]
    [InlineData("""{"iteration":{"continue_output":"y","state":[null]}}""", "an element of state is null")]
    [InlineData("""{"iteration":{"continue_output":null}}""", "$.iteration.continue_output on line 1")]
    [InlineData("""{"parameter_input":[{"input":"x","parameter":null}]}""", "$.parameter_input[0].parameter on line 1")]
    [InlineData("""{"parameter_input":[null]}""", "an element of parameter_input is null")]
    [InlineData("""{"input":[null]}""", "an element of input is null")]
    [InlineData("""{"output":[null]}""", "an element of output is null")]
    [InlineData("""{"devices":[null]}""", "an element of devices is null")]
    [InlineData("""{"input":[{"name":"q"}]}""", "input 'q' is not the model's")]
    [InlineData("""{"output":[{"name":"y","data_type":"TYPE_INT8"}]}""", "the model has TYPE_FP32")]
    [InlineData("""{"max_batch_size":4,"input":[{"name":"x","dims":[2]}]}""", "dims [2]; the model has [1]")]
    public async Task Wrong_configuration_is_a_reason(string configuration, string reason)
    {
        _models.Write("m/1/model.onnx", "1");
        _models.Write("m/config.json", configuration);
        await using var server = await StartAsync(ModelControlMode.None);

        var model = Assert.Single(server.Host.Models);

        Assert.Equal(ModelState.Failed, model.State);
        Assert.Contains(reason, model.Reason);
    }

    [Fact]
    public async Task Models_are_loaded_and_unloaded_by_request_and_listed()
    {
        WriteVersions("m", 2);
        await using var server = await StartAsync(ModelControlMode.Explicit);

        Assert.Equal("""[{"name":"m"}]""", await PostAsync(server, "/v2/repository/index", "{}"));
        Assert.Equal(HttpStatusCode.NotFound, (await server.InferAsync("m", One)).Status);
        await PostAsync(server, "/v2/repository/models/m/load", "");
        Assert.Equal(2f, await ValueAsync(server));
        Assert.Equal("""[{"name":"m","version":"2","state":"READY","reason":""}]""",
            await PostAsync(server, "/v2/repository/index", """{"ready":true}"""));
        await PostAsync(server, "/v2/repository/models/m/unload", """{"parameters":{"unload_dependents":true}}""");
        var after = await server.InferAsync("m", One);

        Assert.True(Assert.Single(_models.Made).Disposed);
        Assert.Equal("Request for unknown model: 'm' has no available versions", Error(after.Json));
        Assert.Equal("[]", await PostAsync(server, "/v2/repository/index", """{"ready":true}"""));
        Assert.Contains("\"state\":\"UNAVAILABLE\",\"reason\":\"unloaded\"",
            await PostAsync(server, "/v2/repository/index", ""));
    }

    [Fact]
    public async Task Unload_waits_for_the_request_in_flight_and_lets_no_new_one_in()
    {
        _models.Gated = true;
        WriteVersions("m", 1);
        await using var server = await StartAsync(ModelControlMode.Explicit);
        await PostAsync(server, "/v2/repository/models/m/load", "");
        var running = server.InferAsync("m", One);
        await _models.Made[0].BegunAsync();

        var unloading = server.Host.Control.UnloadAsync("m", false, Token);
        var refused = (await server.InferAsync("m", One)).Status;
        Assert.False(unloading.IsCompleted);
        Assert.False(_models.Made[0].Disposed);
        _models.Made[0].LetOneGo();

        Assert.Equal(HttpStatusCode.NotFound, refused);
        Assert.Equal(HttpStatusCode.OK, (await running).Status);
        await unloading;
        Assert.True(_models.Made[0].Disposed);
    }

    [Fact]
    public async Task Request_that_has_found_its_version_runs_although_that_version_is_being_unloaded()
    {
        var model = new FakeModel(FakeModel.Describe("m", Models.ElementType.Float32, -1, 1));
        var entry = new ModelEntry(new ModelSource("m", "1", "fake", null), TimeProvider.System);
        entry.Succeed(model, new ModelConfiguration());
        using var request = new InferenceRequest { Inputs = [new InputTensor([1, 1], new byte[4])] };
        Assert.True(entry.TryUse());
        var unloading = entry.RetireAsync("unloaded", Task.CompletedTask);

        var outcome = await entry.InferAsync(request, Token);
        entry.EndUse();

        Assert.False(entry.TryUse());
        Assert.Equal(InferenceStatus.Completed, outcome.Status);
        Assert.False(unloading.IsCompleted);
        Assert.False(model.Disposed);
        outcome.Outputs!.Dispose();
        await unloading;
        Assert.True(model.Disposed);
    }

    [Fact]
    public async Task Unloaded_version_holds_nothing_of_its_model_while_it_is_listed()
    {
        WriteVersions("m", 1);
        await using var server = await StartAsync(ModelControlMode.Explicit);
        await PostAsync(server, "/v2/repository/models/m/load", "");
        await ValueAsync(server);

        await PostAsync(server, "/v2/repository/models/m/unload", "");

        Assert.Single(server.Host.Models);
        var model = _models.TakeOne();
        GC.Collect();
        GC.WaitForPendingFinalizers();
        GC.Collect();
        Assert.False(model.TryGetTarget(out _), "something of the server still holds the model");
    }

    [Fact]
    public async Task Versions_that_are_not_served_are_forgotten_before_there_are_too_many()
    {
        await using var server = await StartAsync(ModelControlMode.Explicit);
        const int Last = RepositoryControl.MostVersions + 5;
        for (var version = 1; version <= Last; version++)
        {
            _models.Write($"m/{version}/model.onnx", $"{version}");
            await server.Host.Control.LoadAsync("m", null, Token);
        }

        Assert.Equal(RepositoryControl.MostVersions, server.Host.Models.Count);
        Assert.Equal(Last, await ValueAsync(server));
        Assert.DoesNotContain(server.Host.Models, model => model.Version == "5");
        _models.Write("m/config.json", AllVersions);
        var refusal = await server.Host.Control.LoadAsync("m", null, Token);

        Assert.Contains($"the limit is {RepositoryControl.MostVersions}", refusal);
        Assert.Equal(Last, await ValueAsync(server));
    }

    [Fact]
    public async Task Swapping_versions_under_load_fails_no_request()
    {
        WriteVersions("m", 1);
        await using var server = await StartAsync(ModelControlMode.Explicit);
        await PostAsync(server, "/v2/repository/models/m/load", "");
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(Token);
        var clients = Enumerable.Range(0, 4).Select(_ => Task.Run(async () =>
        {
            var last = 0f;
            while (!stop.IsCancellationRequested)
            {
                var value = await ValueAsync(server);
                Assert.True(value >= last, $"{value} after {last}");
                last = value;
            }
        })).ToArray();

        for (var version = 2; version <= 20; version++)
        {
            _models.Write($"m/{version}/model.onnx", $"{version}");
            await PostAsync(server, "/v2/repository/models/m/load", "");
            Assert.Equal(version, await ValueAsync(server));
        }

        await stop.CancelAsync();
        await Task.WhenAll(clients);
        Assert.Equal(20, _models.Made.Count);
        await PostAsync(server, "/v2/repository/models/m/unload", "");
        Assert.All(_models.Made, model => Assert.Equal(0, model.OutputsHeld));
    }

    [Fact]
    public async Task Load_takes_a_configuration_and_files_along()
    {
        await using var server = await StartAsync(ModelControlMode.Explicit);
        var content = Convert.ToBase64String("7"u8);

        await PostAsync(server, "/v2/repository/models/m/load",
            $$$"""{"parameters":{"config":"{\"max_batch_size\":\"16\"}","file:4/model.onnx":"{{{content}}}"}}""");
        var (_, configuration) = await server.GetAsync("/v2/models/m/config");
        var zeros = string.Join(',', new int[17]);
        var tooMany = await server.InferAsync(
            "m", $$"""{"inputs":[{"name":"x","shape":[17,1],"datatype":"FP32","data":[{{zeros}}]}]}""");

        Assert.Equal(7f, await ValueAsync(server));
        Assert.Equal(16, configuration.GetProperty("max_batch_size").GetInt32());
        Assert.Equal("[1]", configuration.GetProperty("input")[0].GetProperty("dims").GetRawText());
        Assert.Equal("TYPE_FP32", configuration.GetProperty("output")[0].GetProperty("data_type").GetString());
        Assert.Contains("inference request batch-size must be <= 16 for 'm'", Error(tooMany.Json));
    }

    [Theory]
    [InlineData("nope", "{}", "failed to load 'nope', failed to poll from model repository")]
    [InlineData("m", """{"parameters":{"config":"{\"klass\":1}"}}""", "klass")]
    [InlineData("m", """{"parameters":{"file:../x":""}}""", "must be VERSION/PATH")]
    [InlineData("m", """{"parameters":{"file:1/../../x":""}}""", "must be VERSION/PATH")]
    [InlineData("m", """{"parameters":{"file:1/model.onnx":"%"}}""", "is not base64")]
    [InlineData("a/b", """{"parameters":{"file:1/model.onnx":""}}""", "no folder's")]
    [InlineData("m", """{"parameters":{"colour":1}}""", "parameter 'colour' is unknown")]
    [InlineData("m", "[", "not valid JSON")]
    [InlineData("broken", "", "version 1: the text says broken")]
    public async Task Load_that_cannot_be_done_says_why(string name, string body, string reason)
    {
        _models.Write("m/1/model.onnx", "1");
        _models.Write("broken/1/model.onnx", "broken");
        await using var server = await StartAsync(ModelControlMode.Explicit);

        var (status, json) = await server.SendAsync(new HttpRequestMessage(
            HttpMethod.Post, $"/v2/repository/models/{Uri.EscapeDataString(name)}/load")
        {
            Content = new StringContent(body),
        });

        Assert.Equal(HttpStatusCode.BadRequest, status);
        Assert.Contains(reason, Error(json));
    }

    [Fact]
    public async Task Client_that_leaves_while_versions_load_leaves_no_replaced_version_behind()
    {
        WriteVersions("m", 2);
        _models.Write("m/config.json", AllVersions);
        await using var server = await StartAsync(ModelControlMode.Explicit);
        await PostAsync(server, "/v2/repository/models/m/load", "");
        await _models.LoadedAsync();
        await _models.LoadedAsync();
        var first = _models.Made.Single(model => model.OutputValue == 1);
        _models.Write("m/1/model.onnx", "11");
        _models.Write("m/2/model.onnx", "12");
        using var leaving = new CancellationTokenSource();
        _models.OnLoading = async source =>
        {
            if (source.Version == "2")
            {
                await _models.LoadedAsync();
                await leaving.CancelAsync();
                leaving.Token.ThrowIfCancellationRequested();
            }
        };

        await Assert.ThrowsAnyAsync<OperationCanceledException>(
            () => server.Host.Control.LoadAsync("m", null, leaving.Token));

        await server.Host.RetiredAsync();
        Assert.True(first.Disposed);
        Assert.Equal([11f, 2f], _models.Made.Where(model => !model.Disposed).Select(model => model.OutputValue!.Value)
            .OrderDescending());
    }

    [Fact]
    public async Task Successor_that_fails_leaves_the_version_in_service()
    {
        WriteVersions("m", 1);
        await using var server = await StartAsync(ModelControlMode.Explicit);
        await PostAsync(server, "/v2/repository/models/m/load", "");
        _models.Write("m/2/model.onnx", "broken");

        var (status, _) = await server.SendAsync(
            new HttpRequestMessage(HttpMethod.Post, "/v2/repository/models/m/load"));

        Assert.Equal(HttpStatusCode.BadRequest, status);
        Assert.Equal(1f, await ValueAsync(server));
    }

    [Fact]
    public async Task Configuration_tells_what_only_this_server_knows()
    {
        WriteVersions("m", 1);
        _models.Write("m/config.json", """{"objective_ms":12.5,"expected_rate":3,"devices":["a","b"]}""");
        await using var server = await StartAsync(ModelControlMode.None);

        var (_, json) = await server.GetAsync("/v2/models/m/config");

        string? Of(string name) =>
            json.GetProperty("parameters").GetProperty(name).GetProperty("string_value").GetString();
        Assert.Equal(("12.5", "3", "a,b"), (Of("objective_ms"), Of("expected_rate"), Of("devices")));
    }

    [Fact]
    public async Task Statistics_count_requests_items_executions_and_times()
    {
        _models.Write("m/1/model.onnx", "1");
        _models.Write("m/config.json", """{"max_batch_size":8}""");
        await using var server = await StartAsync(ModelControlMode.None);
        const string Two = """{"inputs":[{"name":"x","shape":[2,1],"datatype":"FP32","data":[0,0]}]}""";
        await server.InferAsync("m", One);
        await server.InferAsync("m", Two);
        await server.InferAsync("m", Two);
        _models.Made[0].Fault = new InvalidOperationException("no");
        await server.InferAsync("m", One);

        var (_, all) = await server.GetAsync("/v2/models/stats");
        var (_, one) = await server.GetAsync("/v2/models/m/versions/1/stats");
        var metrics = await server.Client.GetStringAsync("/metrics", Token);

        var row = Assert.Single(one.GetProperty("model_stats").EnumerateArray());
        Assert.Equal(all.GetRawText().Length, one.GetRawText().Length);
        Assert.Equal(5, row.GetProperty("inference_count").GetInt32());
        Assert.Equal(3, row.GetProperty("execution_count").GetInt32());
        Assert.True(row.GetProperty("last_inference").GetInt64() > 0);
        Assert.Equal(3, Count(row, "success"));
        Assert.Equal(1, Count(row, "fail"));
        Assert.Equal(Sum(row, "success"), Sum(row, "queue") + Sum(row, "compute_input") + Sum(row, "compute_infer") +
            Sum(row, "compute_output"));
        Assert.Equal([(1, 1), (2, 2)], row.GetProperty("batch_stats").EnumerateArray().Select(batch => (
            batch.GetProperty("batch_size").GetInt32(),
            batch.GetProperty("compute_infer").GetProperty("count").GetInt32())));
        Assert.Contains("nv_inference_request_success{model=\"m\",version=\"1\"} 3\n", metrics);
        Assert.Contains("nv_inference_count{model=\"m\",version=\"1\"} 5\n", metrics);
        Assert.Contains("nv_inference_request_failure{model=\"m\",version=\"1\",reason=\"BACKEND\"} 1\n", metrics);
        Assert.Contains("nv_inference_pending_request_count{model=\"m\",version=\"1\"} 0\n", metrics);
    }

    private static int Count(JsonElement row, string name) =>
        row.GetProperty("inference_stats").GetProperty(name).GetProperty("count").GetInt32();

    private static long Sum(JsonElement row, string name) =>
        row.GetProperty("inference_stats").GetProperty(name).GetProperty("ns").GetInt64();

    private static string Error(JsonElement json) => json.GetProperty("error").GetString()!;

    private static async Task<float> ValueAsync(TestServer server, string model = "m")
    {
        var (status, json) = await server.InferAsync(model, One);
        Assert.True(status == HttpStatusCode.OK, json.GetRawText());
        return json.GetProperty("outputs")[0].GetProperty("data")[0].GetSingle();
    }

    private static async Task<string> PostAsync(TestServer server, string path, string body)
    {
        using var response = await server.Client.PostAsync(
            path, new StringContent(body, Encoding.UTF8, "application/json"), Token);
        var text = await response.Content.ReadAsStringAsync(Token);
        Assert.True(response.IsSuccessStatusCode, text);
        return text;
    }

    private void WriteVersions(string name, int count)
    {
        for (var version = 1; version <= count; version++)
        {
            _models.Write($"{name}/{version}/model.onnx", $"{version}");
        }
    }

    private async Task<TestServer> StartAsync(
        ModelControlMode mode, TimeProvider? clock = null, ILoggerFactory? log = null)
    {
        var options = new ServingOptions { Port = 0, ControlMode = mode, ModelFolder = _models.Folder };
        var host = new ServingHost(options, new ServingServices
        {
            Loader = _models,
            Loggers = log ?? NullLoggerFactory.Instance,
            Clock = clock ?? TimeProvider.System,
        });
        await host.StartAsync(Token);
        await host.LoadAsync(mode == ModelControlMode.Explicit ? [] : ModelSource.Find(_models.Folder), Token);
        return TestServer.Over(host);
    }
}
