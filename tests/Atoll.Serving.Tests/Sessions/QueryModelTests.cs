using System.Net;
using System.Text;
using Atoll.Devices;
using Atoll.Models;
using Microsoft.Extensions.Logging.Abstractions;

namespace Atoll.Serving.Tests;

/// <summary>What loading, replacing and unloading a model means for a query that runs it.</summary>
public sealed class QueryModelTests : IAsyncLifetime
{
    private const string Index = "/v2/repository/index";
    private const string Query = """
        objective_ms: 60000
        expected_rate: 1
        stages:
          - name: first
            model: one
            inputs: {input: image}
          - name: second
            model: two
            inputs: {input: image}
        outputs:
          coarse: first.logits
          fine: second.logits
        """;

    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("atoll-queries-");
    private readonly CpuDevice _device = new(new CpuDeviceOptions());
    private SessionDirector _director = null!;
    private ServingHost _host = null!;
    private HttpClient _client = null!;

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    public async ValueTask InitializeAsync()
    {
        foreach (var name in new[] { "one", "two" })
        {
            SampleModels.Create("vgg19", Path.Combine(_folder.FullName, $"{name}.onnx"),
                new SampleModelOptions { Width = 0.02, Image = 32, Batch = 0 });
            await WriteAsync(
                $"{name}.config.json", """{"class":"real_time","max_batch_size":2,"objective_ms":60000}""");
        }

        await WriteAsync("both.query.yaml", Query);
        _director = new SessionDirector(
            [new DeviceBackend(_device)], new SessionDirectorOptions(), _device.Clock, NullLoggerFactory.Instance);
        var options = new ServingOptions
        {
            Port = 0, ControlMode = ModelControlMode.Explicit, ModelFolder = _folder.FullName,
        };
        _host = new ServingHost(options, new ServingServices
        {
            Loader = new DeviceModelLoader(_device, null, _director),
            Loggers = NullLoggerFactory.Instance,
            Clock = _device.Clock,
            Sessions = _director,
        });
        await _host.StartAsync(Token);
        await _host.LoadAsync(
            [.. ModelSource.FindQueries(_folder.FullName), .. ModelSource.Find(_folder.FullName)], Token);
        _client = new HttpClient { BaseAddress = _host.Url };
    }

    public async ValueTask DisposeAsync()
    {
        _client.Dispose();
        await _host.DisposeAsync();
        await _director.DisposeAsync();
        Assert.Equal(0, _device.MemoryInUseBytes);
        _device.Dispose();
        _folder.Delete(recursive: true);
    }

    [Fact]
    public async Task Query_runs_the_new_version_of_a_model_that_was_replaced_and_no_request_fails_meanwhile()
    {
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(Token);
        var asking = Task.Run(async () =>
        {
            while (!stop.IsCancellationRequested)
            {
                await InferAsync();
            }
        }, Token);

        for (var change = 1; change <= 3; change++)
        {
            File.SetLastWriteTimeUtc(
                Path.Combine(_folder.FullName, "one.onnx"), new DateTime(2026, 1, change, 0, 0, 0, DateTimeKind.Utc));
            await PostAsync("/v2/repository/models/one/load", "");
            await InferAsync();
        }

        await stop.CancelAsync();
        await asking;
        await _host.RetiredAsync();
        Assert.Equal(2, _director.Models.Count);
        Assert.Same(
            _director.Models.Single(model => model.Name == "one"),
            Assert.Single(_director.Queries).Stages[0].Model);
    }

    [Fact]
    public async Task Query_follows_a_model_to_its_newest_version()
    {
        Directory.CreateDirectory(Path.Combine(_folder.FullName, "one", "2"));
        File.Copy(Path.Combine(_folder.FullName, "one.onnx"), Path.Combine(_folder.FullName, "one", "2", "model.onnx"));
        File.Copy(
            Path.Combine(_folder.FullName, "one.config.json"), Path.Combine(_folder.FullName, "one", "config.json"));
        File.Delete(Path.Combine(_folder.FullName, "one.onnx"));

        await PostAsync("/v2/repository/models/one/load", "");
        await InferAsync();

        Assert.Equal("2", Assert.Single(_director.Queries).Stages[0].Model.Metadata.Version);
    }

    [Fact]
    public async Task Query_whose_model_is_unloaded_is_not_available_and_comes_back_with_the_model()
    {
        await InferAsync();

        await PostAsync("/v2/repository/models/one/unload", "");
        Assert.Equal(HttpStatusCode.NotFound, await StatusAsync());
        var index = await PostAsync(Index, "");
        await PostAsync("/v2/repository/models/one/load", "");

        Assert.Contains("query 'both' depends on 'one' which has no loaded version", JsonText(index));
        await InferAsync();
    }

    [Fact]
    public async Task Query_that_was_unloaded_as_a_dependent_stays_away_until_it_is_loaded()
    {
        const string Dependents = """{"parameters":{"unload_dependents":true}}""";
        await PostAsync("/v2/repository/models/one/unload", Dependents);
        await PostAsync("/v2/repository/models/one/load", "");
        Assert.Equal(HttpStatusCode.NotFound, await StatusAsync());
        Assert.Empty(_director.Queries);

        await PostAsync("/v2/repository/models/both/load", "");

        await InferAsync();
    }

    private static string JsonText(string json) => json.Replace("\\u0027", "'", StringComparison.Ordinal);

    private async Task InferAsync()
    {
        using var response = await AskAsync();
        Assert.True(response.StatusCode == HttpStatusCode.OK, await response.Content.ReadAsStringAsync(Token));
    }

    private async Task<HttpStatusCode> StatusAsync()
    {
        using var response = await AskAsync();
        return response.StatusCode;
    }

    private Task<HttpResponseMessage> AskAsync()
    {
        var zeros = string.Join(',', new int[3 * 32 * 32]);
        return _client.PostAsync("/v2/models/both/infer", new StringContent(
            $$"""{"inputs":[{"name":"image","shape":[1,3,32,32],"datatype":"FP32","data":[{{zeros}}]}]}""",
            Encoding.UTF8, "application/json"), Token);
    }

    private async Task<string> PostAsync(string path, string body)
    {
        using var response = await _client.PostAsync(
            path, new StringContent(body, Encoding.UTF8, "application/json"), Token);
        var text = await response.Content.ReadAsStringAsync(Token);
        Assert.True(response.IsSuccessStatusCode, text);
        return text;
    }

    private Task WriteAsync(string name, string text) =>
        File.WriteAllTextAsync(Path.Combine(_folder.FullName, name), text, Token);
}
