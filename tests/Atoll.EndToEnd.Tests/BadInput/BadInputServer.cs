using System.Net;
using System.Net.Http.Json;
using System.Text.Json;
using Atoll.Devices;
using Atoll.Models.Tests;
using Atoll.Serving;
using Microsoft.Extensions.Logging.Abstractions;

namespace Atoll.EndToEnd.Tests;

/// <summary>
/// A server on a CPU device of 256 MiB over a folder with two good models, `good` ([2,3]) and `variable` ([n,3]), and
/// all bad ones.
/// </summary>
public sealed class BadInputServer : IAsyncLifetime
{
    public const int MaxBodyBytes = 4096;

    private const string GoodInput =
        """{"inputs":[{"name":"x","shape":[2,3],"datatype":"FP32","data":[1,-2,3,-4,5,-6]}]}""";

    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("atoll-bad-input-");
    private readonly CpuDevice _device = new(new CpuDeviceOptions { MemoryBytes = 256 << 20 });
    private readonly HttpClient _http = new();
    private ServingHost? _host;

    internal ServingHost Host => _host!;

    public async ValueTask InitializeAsync()
    {
        BadModels.WriteAll(_folder.FullName);
        Write("good", new ProtoModel().Input("x", 2, 3).Node("Relu", "x", "y").Output("y", 2, 3));
        Write("variable", new ProtoModel().Input("x", -1, 3).Node("Relu", "x", "y").Output("y", -1, 3));
        _host = new ServingHost(
            new ServingOptions { Port = 0, ModelDefaults = new ModelConfiguration { MaxBodyBytes = MaxBodyBytes } },
            new ServingServices { Loader = new DeviceModelLoader(_device), Loggers = NullLoggerFactory.Instance });
        await _host.StartAsync(CancellationToken.None);
        await _host.LoadAsync(ModelSource.Find(_folder.FullName), CancellationToken.None);
        _http.BaseAddress = _host.Url;
    }

    public async ValueTask DisposeAsync()
    {
        await _host!.DisposeAsync();
        _http.Dispose();
        _device.Dispose();
        _folder.Delete(recursive: true);
    }

    /// <summary>Status and error text of the answer.</summary>
    public async Task<(HttpStatusCode Status, string Error)> GetAsync(string path)
    {
        using var response = await _http.GetAsync(path, TestContext.Current.CancellationToken);
        return (response.StatusCode, await ErrorAsync(response));
    }

    public async Task<(HttpStatusCode Status, string Error)> InferAsync(string model, string body)
    {
        using var content = new StringContent(body);
        using var response = await _http.PostAsync(
            $"/v2/models/{model}/infer", content, TestContext.Current.CancellationToken);
        return (response.StatusCode, await ErrorAsync(response));
    }

    /// <summary>The good models still give the right answer.</summary>
    public async Task StillServesAsync()
    {
        foreach (var model in new[] { "good", "variable" })
        {
            using var content = new StringContent(GoodInput);
            using var response = await _http.PostAsync(
                $"/v2/models/{model}/infer", content, TestContext.Current.CancellationToken);
            Assert.Equal(HttpStatusCode.OK, response.StatusCode);
            var json = await response.Content.ReadFromJsonAsync<JsonElement>(TestContext.Current.CancellationToken);
            var data = json.GetProperty("outputs")[0].GetProperty("data").EnumerateArray().Select(v => v.GetSingle());
            Assert.Equal([1f, 0, 3, 0, 5, 0], data);
        }
    }

    private static async Task<string> ErrorAsync(HttpResponseMessage response)
    {
        var json = await response.Content.ReadFromJsonAsync<JsonElement>(TestContext.Current.CancellationToken);
        return json.TryGetProperty("error", out var error) ? error.GetString()! : "";
    }

    private void Write(string name, ProtoModel model) =>
        File.WriteAllBytes(Path.Combine(_folder.FullName, name + ".onnx"), model.ToBytes());
}
