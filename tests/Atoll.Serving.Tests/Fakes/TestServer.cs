using System.Net;
using System.Text;
using System.Text.Json;
using Microsoft.Extensions.Logging.Abstractions;

namespace Atoll.Serving.Tests;

/// <summary>A server on a free loopback port over fake models, and a client of it.</summary>
internal sealed class TestServer : IAsyncDisposable
{
    private readonly FakeModel[] _models;

    private TestServer(ServingHost host, FakeModel[] models)
    {
        Host = host;
        _models = models;
        Client = new HttpClient { BaseAddress = host.Url };
    }

    public ServingHost Host { get; }

    public HttpClient Client { get; }

    public static async Task<TestServer> StartAsync(params FakeModel[] models) =>
        await StartAsync(new ServingOptions(), models);

    public static Task<TestServer> StartAsync(TimeProvider clock, params FakeModel[] models) =>
        StartAsync(clock, new ServingOptions(), models);

    public static Task<TestServer> StartAsync(
        ServingOptions options, FakeModel[] models, params ModelSource[] others) =>
        StartAsync(TimeProvider.System, options, models, others);

    public static async Task<TestServer> StartAsync(
        TimeProvider clock, ServingOptions options, FakeModel[] models, params ModelSource[] others)
    {
        var services = new ServingServices
        {
            Loader = new FakeLoader(models),
            Loggers = NullLoggerFactory.Instance,
            Clock = clock,
        };
        var host = new ServingHost(options with { Port = 0 }, services);
        await host.StartAsync(TestContext.Current.CancellationToken);
        var sources = models.Select(model => new ModelSource(model.Metadata.Name, "1", "fake", null)).Concat(others);
        await host.LoadAsync([.. sources], TestContext.Current.CancellationToken);
        return new TestServer(host, models);
    }

    /// <summary>A client of a server that the test has made; disposing stops the server too.</summary>
    public static TestServer Over(ServingHost host) => new(host, []);

    public Task<(HttpStatusCode Status, JsonElement Json)> GetAsync(string path) =>
        SendAsync(new HttpRequestMessage(HttpMethod.Get, path));

    public Task<(HttpStatusCode Status, JsonElement Json)> InferAsync(string model, string body) =>
        SendAsync(new HttpRequestMessage(HttpMethod.Post, $"/v2/models/{model}/infer")
        {
            Content = new StringContent(body, Encoding.UTF8, "application/json"),
        });

    public async Task<(HttpStatusCode Status, JsonElement Json)> SendAsync(HttpRequestMessage request)
    {
        using var response = await Client.SendAsync(request, TestContext.Current.CancellationToken);
        var bytes = await response.Content.ReadAsByteArrayAsync(TestContext.Current.CancellationToken);
        using var document = JsonDocument.Parse(bytes.Length > 0 ? bytes : "{}"u8.ToArray());
        return (response.StatusCode, document.RootElement.Clone());
    }

    public async ValueTask DisposeAsync()
    {
        Client.Dispose();
        await Host.DisposeAsync();
        Assert.All(_models, model => Assert.Equal(0, model.OutputsHeld));
        Assert.All(_models, model => Assert.True(model.Disposed));
    }
}
