using System.Net;
using System.Runtime.InteropServices;
using System.Text.Json;
using Atoll.Devices;
using Atoll.Models;
using Microsoft.Extensions.Logging.Abstractions;

namespace Atoll.Serving.Tests;

/// <summary>Sessions over real devices and HTTP.</summary>
public sealed class SessionServingTests : IDisposable
{
    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("atoll-sessions-");

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    public void Dispose() => _folder.Delete(recursive: true);

    [Fact]
    public async Task Requests_in_batches_get_the_answers_that_they_get_alone_and_leave_no_memory_behind()
    {
        Create("net", """{"class":"real_time","max_batch_size":4}""");
        using var device = new CpuDevice(new CpuDeviceOptions());
        await using (var served = await StartAsync(device))
        {
            var alone = new List<double[]>();
            for (var i = 0; i < 8; i++)
            {
                alone.Add(await InferAsync(served.Client, i));
            }

            var together = await Task.WhenAll(
                Enumerable.Range(0, 64).Select(i => InferAsync(served.Client, i % 8)));

            for (var i = 0; i < together.Length; i++)
            {
                // Batch sizes may round differently, requests differ by far more.
                Assert.True(Distance(alone[i % 8], together[i]) < 1e-3, $"request {i} got another answer");
            }

            Assert.True(Distance(alone[0], alone[1]) > 1e-2, "the requests are too alike to be told apart");
            var session = served.Director.Status.Sessions[0];
            Assert.Equal(72, session.Counts.Good);
            Assert.Equal(72, session.Batches.Sum(batch => batch.Rows * batch.Count));
        }

        Assert.Equal(0, device.MemoryInUseBytes);
    }

    [Fact]
    public async Task A_model_that_may_get_huge_batches_is_prepared_for_useful_ones_and_takes_the_rest_in_parts()
    {
        const int Rows = 600;
        Create("net", """{"class":"real_time","max_batch_size":65536}""");
        using var device = new CpuDevice(new CpuDeviceOptions { MemoryBytes = 64 << 20 });
        await using var director = new SessionDirector(
            [new DeviceBackend(device)], new SessionDirectorOptions(), device.Clock, NullLoggerFactory.Instance);
        await using var model = await LoadAsync(director);
        var data = new byte[Rows * 3 * 32 * 32 * sizeof(float)];
        MemoryMarshal.Cast<byte, float>(data.AsSpan()).Fill(0.25f);
        var request = new InferenceRequest
        {
            Inputs = [new InputTensor([Rows, 3, 32, 32], data)],
            Class = WorkClass.RealTime,
        };
        request.Outputs.Add(new OutputRequest(0, Binary: true));

        var outcome = await model.InferAsync(request, Token);

        using var outputs = outcome.Outputs!;
        Assert.Equal(Rows, outputs.Shape(0)[0]);
        var answers = MemoryMarshal.Cast<byte, float>(outputs.Data(0));
        var classes = answers.Length / Rows;
        for (var i = 0; i < answers.Length; i++)
        {
            Assert.Equal(answers[i % classes], answers[i], 1e-3);
        }

        Assert.NotNull(director.Status.Sessions[0].BatchLimit);
        Assert.InRange(device.MemoryInUseBytes, 1, (64 << 20) / 2);
    }

    [Fact]
    public async Task Data_that_is_shorter_than_its_rows_is_refused_before_it_moves_the_rows_of_others()
    {
        Create("net", """{"class":"real_time","max_batch_size":4}""");
        using var device = new CpuDevice(new CpuDeviceOptions());
        await using var director = new SessionDirector(
            [new DeviceBackend(device)], new SessionDirectorOptions(), device.Clock, NullLoggerFactory.Instance);
        await using var model = await LoadAsync(director);
        var request = new InferenceRequest
        {
            Inputs = [new InputTensor([3, 3, 32, 32], new byte[3 * 32 * 32 * sizeof(float)])],
            Class = WorkClass.RealTime,
        };

        var outcome = await model.InferAsync(request, Token);

        Assert.Equal(InferenceStatus.Rejected, outcome.Status);
        Assert.Contains("input 'input' has 12288 bytes; its shape takes 36864", outcome.Reason);
    }

    [Fact]
    public async Task What_follows_the_first_runs_of_a_model_holds_up_no_thread_that_answers()
    {
        Create("net", """{"class":"real_time","max_batch_size":4,"objective_ms":10000}""");
        using var device = new CpuDevice(new CpuDeviceOptions());
        await using var director = new SessionDirector(
            [new DeviceBackend(device)], new SessionDirectorOptions(), device.Clock, NullLoggerFactory.Instance);

        var isOne = await Task.Run(async () =>
        {
            await using var model = await LoadAsync(director);
            return CompletionThreads.IsCurrent;
        }, Token);

        Assert.False(isOne);
    }

    [Fact]
    public async Task The_parts_of_the_time_add_up_and_none_is_negative()
    {
        Create("net", """{"class":"real_time","max_batch_size":4}""");
        using var device = new CpuDevice(new CpuDeviceOptions());
        await using var served = await StartAsync(device);
        await Task.WhenAll(Enumerable.Range(0, 16).Select(i => InferAsync(served.Client, i)));

        using var all = JsonDocument.Parse(await served.Client.GetStringAsync("/v2/models/net/stats", Token));

        var sums = all.RootElement.GetProperty("model_stats")[0].GetProperty("inference_stats");
        long Of(string name) => sums.GetProperty(name).GetProperty("ns").GetInt64();
        long[] parts = [Of("queue"), Of("compute_input"), Of("compute_infer"), Of("compute_output")];
        Assert.All(parts, part => Assert.True(part >= 0, sums.GetRawText()));
        Assert.Equal(Of("success"), parts.Sum());
    }

    [Fact]
    public async Task Sessions_and_devices_are_told_as_json_and_as_metrics()
    {
        Create("net", """{"class":"real_time","max_batch_size":2,"objective_ms":10000,"expected_rate":3}""");
        using var device = new CpuDevice(new CpuDeviceOptions());
        await using var served = await StartAsync(device);
        await InferAsync(served.Client, 1);

        using var sessions = JsonDocument.Parse(await served.Client.GetStringAsync("/api/serving/sessions", Token));
        using var devices = JsonDocument.Parse(await served.Client.GetStringAsync("/api/serving/devices", Token));
        var metrics = await served.Client.GetStringAsync("/metrics", Token);

        var session = sessions.RootElement.GetProperty("sessions")[0];
        Assert.Equal("net", session.GetProperty("session").GetString());
        Assert.Equal(10000, session.GetProperty("objective_ms").GetDouble());
        Assert.Equal(1, session.GetProperty("good").GetInt32());
        Assert.Equal(1, session.GetProperty("batches").GetProperty("1").GetInt32());
        var first = devices.RootElement.GetProperty("devices")[0];
        Assert.Equal("cpu", first.GetProperty("device").GetString());
        Assert.Equal("net", first.GetProperty("sessions")[0].GetProperty("session").GetString());
        Assert.True(first.GetProperty("models")[0].GetProperty("profile")[0].GetProperty("mean_ms").GetDouble() > 0);
        Assert.Contains("atoll_session_requests_total{session=\"net\",outcome=\"good\"} 1", metrics);
    }

    [Fact]
    public async Task A_request_with_an_objective_that_nobody_can_keep_is_answered_503_with_the_reason()
    {
        Create("net", """{"class":"real_time","max_batch_size":2}""");
        using var device = new CpuDevice(new CpuDeviceOptions());
        await using var served = await StartAsync(device);

        using var answer = await served.Client.PostAsync(
            "/v2/models/net/infer", new StringContent(Body(1, "\"slo_us\":1")), Token);

        Assert.Equal(HttpStatusCode.ServiceUnavailable, answer.StatusCode);
        Assert.Contains("Request timeout expired", await answer.Content.ReadAsStringAsync(Token));
    }

    [Fact]
    public async Task A_model_without_an_open_batch_is_refused_with_the_setting()
    {
        Create("net", """{"max_batch_size":4}""", batch: 1);
        using var device = new CpuDevice(new CpuDeviceOptions());
        await using var served = await StartAsync(device);

        var model = Assert.Single(served.Host.Models);

        Assert.Equal(ModelState.Failed, model.State);
        Assert.Contains("max_batch_size", model.Reason);
    }

    private void Create(string name, string configuration, int batch = 0)
    {
        SampleModels.Create("vgg19", Path.Combine(_folder.FullName, $"{name}.onnx"),
            new SampleModelOptions { Width = 0.03, Image = 32, Batch = batch });
        File.WriteAllText(Path.Combine(_folder.FullName, $"{name}.config.json"), configuration);
    }

    private Task<IServedModel> LoadAsync(SessionDirector director)
    {
        var source = ModelSource.Find(_folder.FullName).Single();
        return director.LoadAsync(
            source, ModelConfiguration.Read(source.ConfigurationPath!, new()), new ModelLimits(), Token);
    }

    private async Task<Served> StartAsync(CpuDevice device)
    {
        var director = new SessionDirector(
            [new DeviceBackend(device)], new SessionDirectorOptions(), device.Clock, NullLoggerFactory.Instance);
        var host = new ServingHost(new ServingOptions { Port = 0 }, new ServingServices
        {
            Loader = new DeviceModelLoader(device, null, director),
            Loggers = NullLoggerFactory.Instance,
            Clock = device.Clock,
            Sessions = director,
        });
        await host.StartAsync(Token);
        await host.LoadAsync(ModelSource.Find(_folder.FullName), Token);
        return new Served(host, director);
    }

    private static string Body(int seed, string parameters = "")
    {
        var data = string.Join(',', Enumerable.Range(0, 3 * 32 * 32).Select(i => ((i + seed) % (13 + seed)) / 20f));
        return $$"""
            {"parameters":{{{parameters}}},
            "inputs":[{"name":"input","shape":[1,3,32,32],"datatype":"FP32","data":[{{data}}]}]}
            """;
    }

    private static double Distance(double[] a, double[] b) => a.Zip(b, (x, y) => Math.Abs(x - y)).Max();

    private static async Task<double[]> InferAsync(HttpClient client, int seed)
    {
        using var response = await client.PostAsync("/v2/models/net/infer", new StringContent(Body(seed)), Token);
        var text = await response.Content.ReadAsStringAsync(Token);
        Assert.True(response.IsSuccessStatusCode, text);
        using var answer = JsonDocument.Parse(text);
        return [.. answer.RootElement.GetProperty("outputs")[0].GetProperty("data").EnumerateArray()
            .Select(value => value.GetDouble())];
    }

    private sealed class Served(ServingHost host, SessionDirector director) : IAsyncDisposable
    {
        public ServingHost Host => host;

        public SessionDirector Director => director;

        public HttpClient Client { get; } = new() { BaseAddress = host.Url };

        public async ValueTask DisposeAsync()
        {
            Client.Dispose();
            await host.DisposeAsync();
            await director.DisposeAsync();
        }
    }
}
