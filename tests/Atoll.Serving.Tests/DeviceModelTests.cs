using System.Net;
using System.Text.Json;
using Atoll.Devices;
using Atoll.Models;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;

namespace Atoll.Serving.Tests;

public sealed class DeviceModelTests : IDisposable
{
    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("atoll-serving-");

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    public void Dispose() => _folder.Delete(recursive: true);

    [Fact]
    public async Task Concurrent_requests_of_both_classes_get_the_same_answer_as_one_alone()
    {
        Create("net");
        using var device = new CpuDevice(new CpuDeviceOptions());
        await using var host = await StartAsync(device);
        using var client = new HttpClient { BaseAddress = host.Url };
        var alone = await InferAsync(client, priority: 0);

        var answers = await Task.WhenAll(Enumerable.Range(0, 60).Select(i => InferAsync(client, priority: i % 4)));

        Assert.All(answers, answer => Assert.Equal(alone, answer));
        Assert.True(device.BusySeconds(WorkClass.RealTime) > 0, "nothing ran as real-time");
    }

    [Fact]
    public async Task Broken_model_is_listed_with_its_reason_and_its_neighbour_serves()
    {
        Create("net");
        await File.WriteAllBytesAsync(Path.Combine(_folder.FullName, "broken.onnx"), [8, 7, 58, 200, 1], Token);
        using var device = new CpuDevice(new CpuDeviceOptions());
        await using var host = await StartAsync(device);
        using var client = new HttpClient { BaseAddress = host.Url };

        var broken = Assert.Single(host.Models, model => model.Name == "broken");
        using var ready = await client.GetAsync("/v2/models/broken/ready", Token);

        Assert.Equal(ModelState.Failed, broken.State);
        Assert.Contains("broken.onnx", broken.Reason);
        Assert.Equal(HttpStatusCode.ServiceUnavailable, ready.StatusCode);
        Assert.NotEmpty(await InferAsync(client, priority: 1));
    }

    [Theory]
    [InlineData("""{"class":"real_time"}""", ModelState.Ready, "")]
    [InlineData("""{"class":"fast"}""", ModelState.Failed, "class")]
    [InlineData("""{"class":"fast"}""", ModelState.Failed, "real_time or best_effort")]
    [InlineData("""{"klass":"real_time"}""", ModelState.Failed, "klass")]
    [InlineData("""{"instances":1.5}""", ModelState.Failed, "$.instances on line 1")]
    [InlineData("""{"instances":}""", ModelState.Failed, "invalid start of a value")]
    [InlineData("""{"instances":0}""", ModelState.Failed, "instances is 0; it must be 1 to 64")]
    public async Task Configuration_beside_the_model_is_read_and_checked(string json, ModelState state, string reason)
    {
        Create("net");
        await File.WriteAllTextAsync(Path.Combine(_folder.FullName, "net.config.json"), json, Token);
        using var device = new CpuDevice(new CpuDeviceOptions());
        await using var host = await StartAsync(device);

        var model = Assert.Single(host.Models);

        Assert.Equal(state, model.State);
        Assert.Contains(reason, model.Reason);
    }

    [Fact]
    public async Task Model_that_does_not_fit_the_device_is_refused_and_leaves_no_memory_behind()
    {
        Create("net");
        using var device = new CpuDevice(new CpuDeviceOptions { MemoryBytes = 64 << 10 });
        await using var host = await StartAsync(device);

        var model = Assert.Single(host.Models);

        Assert.Equal(ModelState.Failed, model.State);
        Assert.Contains("of 65536 bytes", model.Reason);
        Assert.Equal(0, device.MemoryInUseBytes);
    }

    [Fact]
    public async Task An_index_outside_its_table_is_the_requests_fault_and_no_news()
    {
        SampleModels.Create(
            "dlrm", Path.Combine(_folder.FullName, "dlrm.onnx"), new SampleModelOptions { Width = 0.05 });
        using var device = new CpuDevice(new CpuDeviceOptions());
        var log = new RecordingLog();
        await using var host = await StartAsync(device, log);
        using var client = new HttpClient { BaseAddress = host.Url };
        var dense = string.Join(',', Enumerable.Repeat("0", 13));
        var sparse = string.Join(',', Enumerable.Repeat("10000", 26));

        using var response = await client.PostAsync("/v2/models/dlrm/infer", new StringContent($$"""
            {"inputs":[{"name":"dense","shape":[1,13],"datatype":"FP32","data":[{{dense}}]},
            {"name":"sparse","shape":[1,26],"datatype":"INT64","data":[{{sparse}}]}]}
            """), Token);

        var text = await response.Content.ReadAsStringAsync(Token);
        Assert.Equal(HttpStatusCode.BadRequest, response.StatusCode);
        Assert.Contains("index 10000 at 0 is outside", text);
        Assert.DoesNotContain(log.Lines, line => line.Contains("outside"));
    }

    [Fact]
    public async Task Versions_are_served_and_the_newest_is_the_default()
    {
        Create("net/1/model");
        Create("net/3/model");
        await File.WriteAllTextAsync(
            Path.Combine(_folder.FullName, "net", "config.json"), """{"version_policy":{"all":{}}}""", Token);
        using var device = new CpuDevice(new CpuDeviceOptions());
        await using var host = await StartAsync(device);
        using var client = new HttpClient { BaseAddress = host.Url };

        using var metadata = JsonDocument.Parse(await client.GetStringAsync("/v2/models/net", Token));

        Assert.Equal("""["1","3"]""", metadata.RootElement.GetProperty("versions").GetRawText());
        Assert.Equal(await InferAsync(client, 0), await InferAsync(client, 0, "/versions/3"));
    }

    [Fact]
    public async Task What_follows_the_first_run_of_a_model_holds_up_no_thread_that_answers()
    {
        Create("net");
        using var device = new CpuDevice(new CpuDeviceOptions());
        var source = ModelSource.Find(_folder.FullName).Single();

        var isOne = await Task.Run(async () =>
        {
            await using var model = await new DeviceModelLoader(device).LoadAsync(source, new(), Token);
            return CompletionThreads.IsCurrent;
        }, Token);

        Assert.False(isOne);
    }

    [Fact]
    public async Task Data_that_is_not_what_its_shape_takes_is_refused()
    {
        Create("net");
        using var device = new CpuDevice(new CpuDeviceOptions());
        await using var model = await new DeviceModelLoader(device).LoadAsync(
            ModelSource.Find(_folder.FullName).Single(), new(), Token);
        var request = new InferenceRequest { Inputs = [new InputTensor([1, 3, 32, 32], new byte[16])] };

        var outcome = await model.InferAsync(request, Token);

        Assert.Equal(InferenceStatus.Rejected, outcome.Status);
        Assert.Contains("has 16 bytes; its shape takes 12288", outcome.Reason);
    }

    private void Create(string name) => SampleModels.Create(
        "vgg19", Path.Combine(_folder.FullName, $"{name}.onnx"), new SampleModelOptions { Width = 0.05, Image = 32 });

    private async Task<ServingHost> StartAsync(CpuDevice device, ILoggerFactory? log = null)
    {
        var host = new ServingHost(new ServingOptions { Port = 0 }, new ServingServices
        {
            Loader = new DeviceModelLoader(device),
            Loggers = log ?? NullLoggerFactory.Instance,
            Clock = device.Clock,
            Monitor = new CpuDeviceMonitor(device),
        });
        await host.StartAsync(Token);
        await host.LoadAsync(ModelSource.Find(_folder.FullName), Token);
        return host;
    }

    /// <summary>The data of the only output for a fixed input, as the server wrote it.</summary>
    private static async Task<string> InferAsync(HttpClient client, int priority, string version = "")
    {
        using var metadata = JsonDocument.Parse(await client.GetStringAsync("/v2/models/net", Token));
        var input = metadata.RootElement.GetProperty("inputs")[0].GetProperty("name").GetString();
        var data = string.Join(',', Enumerable.Range(0, 3 * 32 * 32).Select(i => i % 17 / 17f));
        var body = $$"""
            {"parameters":{"priority":{{priority}}},
            "inputs":[{"name":"{{input}}","shape":[1,3,32,32],"datatype":"FP32","data":[{{data}}]}]}
            """;
        using var response = await client.PostAsync($"/v2/models/net{version}/infer", new StringContent(body), Token);
        var text = await response.Content.ReadAsStringAsync(Token);
        Assert.True(response.IsSuccessStatusCode, text);
        using var answer = JsonDocument.Parse(text);
        return answer.RootElement.GetProperty("outputs")[0].GetProperty("data").GetRawText();
    }
}
