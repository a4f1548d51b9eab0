using System.Text;
using Atoll.Devices;
using Atoll.Models;
using Atoll.Serving;
using Microsoft.Extensions.Logging;

namespace Atoll;

/// <summary>How long and with how many connections to measure.</summary>
internal sealed record HttpBenchOptions(int Requests, int Connections, double Seconds);

/// <summary>
/// Measures one small model three ways: in process, over one keep-alive connection that is never busy, and over more
/// connections than the server can serve.
/// </summary>
internal sealed class HttpBench(HttpBenchOptions options, TimeProvider clock, Action<string> progress)
{
    private const string Model = "identity_fp32";
    private const int Elements = 16;
    private const int WarmUp = 2000;

    private static readonly byte[] Tensor = new byte[Elements * sizeof(float)];

    private static readonly byte[] Json = Encoding.ASCII.GetBytes($$"""
        {"inputs":[{"name":"INPUT0","shape":[1,{{Elements}}],"datatype":"FP32",
        "parameters":{"binary_data_size":{{Elements * sizeof(float)}} } }],"parameters":{"binary_data_output":true} }
        """);

    public async Task<HttpReport> RunAsync(CancellationToken cancellation)
    {
        var folder = Directory.CreateTempSubdirectory("atoll-bench-http-");
        try
        {
            ProtocolModels.Create(Model, folder.FullName);

            // Without its configuration the model is served alone, as in process, not in batches.
            File.Delete(Path.Combine(folder.FullName, $"{Model}.config.json"));
            await using var server = new ModelServer(
                [new CpuDeviceOptions { Clock = clock }],
                new ServingOptions { Port = 0, MaxConcurrentRequests = int.Max(512, options.Connections) },
                new LogSection { Level = LogLevel.Warning });
            await server.Host.StartAsync(cancellation);
            await server.Host.LoadAsync(ModelSource.Find(folder.FullName), cancellation);
            progress("in process");
            var inside = await InProcessAsync(server.Device, ModelSource.Find(folder.FullName)[0], cancellation);
            progress("one connection");

            // On a thread of its own: a client that blocks one of the pool's threads would leave the server too few.
            var stolen = MachineTime.Now();
            var (http, control, allocated) = await Task.Factory.StartNew(
                () => OneConnection(server.Host.Url), cancellation, TaskCreationOptions.LongRunning,
                TaskScheduler.Default);
            var share = MachineTime.ShareSince(stolen);
            progress($"{options.Connections} connections");
            var saturation = await SaturateAsync(server.Host.Url, cancellation);
            return new HttpReport(
                BenchJson.Machine, inside, http, control, share, allocated, saturation);
        }
        finally
        {
            folder.Delete(recursive: true);
        }
    }

    private async Task<HttpLatency> InProcessAsync(
        CpuDevice device, ModelSource source, CancellationToken cancellation)
    {
        await using var model = await new DeviceModelLoader(device).LoadAsync(
            source, new ModelConfiguration(), cancellation);
        using var request = new InferenceRequest
        {
            Inputs = [new InputTensor([1, Elements], Tensor)],
            Priority = 8,
        };
        request.Outputs.Add(new OutputRequest(0, true));
        var times = new double[options.Requests];
        for (var i = -WarmUp; i < times.Length; i++)
        {
            var began = clock.GetTimestamp();
            var outcome = await model.InferAsync(request, cancellation);
            outcome.Outputs?.Dispose();
            if (outcome.Status != InferenceStatus.Completed)
            {
                throw new InvalidOperationException($"an inference ended {outcome.Status}: {outcome.Reason}");
            }

            times[int.Max(i, 0)] = clock.GetElapsedTime(began).TotalMicroseconds;
        }

        return HttpLatency.Of(times);
    }

    // Request and control take turns, so that whatever else the machine does hits both alike.
    private (HttpLatency Http, HttpLatency Control, double AllocatedBytes) OneConnection(Uri server)
    {
        using var client = Connect(server);
        using var echo = new EchoControl(Json.Length + Tensor.Length);
        var times = new double[options.Requests];
        var control = new double[options.Requests];
        var allocated = 0L;
        for (var i = -WarmUp; i < times.Length; i++)
        {
            if (i == 0)
            {
                allocated = GC.GetTotalAllocatedBytes(precise: true);
            }

            var began = clock.GetTimestamp();
            var status = client.Send();
            var answered = clock.GetTimestamp();
            echo.Send();
            times[int.Max(i, 0)] = clock.GetElapsedTime(began, answered).TotalMicroseconds;
            control[int.Max(i, 0)] = clock.GetElapsedTime(answered).TotalMicroseconds;
            if (status != 200)
            {
                throw new InvalidOperationException($"a request was answered {status}");
            }
        }

        allocated = GC.GetTotalAllocatedBytes(precise: true) - allocated;
        return (HttpLatency.Of(times), HttpLatency.Of(control), (double)allocated / times.Length);
    }

    private async Task<HttpSaturation> SaturateAsync(Uri server, CancellationToken cancellation)
    {
        // A first round fills every pool, so that the second shows growth only where something leaks.
        await RoundAsync(server, TimeSpan.FromSeconds(options.Seconds / 4), cancellation);
        var before = GC.GetTotalMemory(forceFullCollection: true);
        var began = clock.GetTimestamp();
        var counts = await RoundAsync(server, TimeSpan.FromSeconds(options.Seconds), cancellation);
        var seconds = clock.GetElapsedTime(began).TotalSeconds;
        var growth = GC.GetTotalMemory(forceFullCollection: true) - before;
        return new HttpSaturation(
            options.Connections, seconds, counts.Completed, counts.Refused, counts.Failed, counts.Completed / seconds,
            growth);
    }

    private async Task<(long Completed, long Refused, long Failed)> RoundAsync(
        Uri server, TimeSpan length, CancellationToken cancellation)
    {
        var began = clock.GetTimestamp();
        var clients = Enumerable.Range(0, options.Connections).Select(_ => Task.Factory.StartNew(
            () => Flood(server, () => clock.GetElapsedTime(began) < length && !cancellation.IsCancellationRequested),
            cancellation, TaskCreationOptions.LongRunning, TaskScheduler.Default));
        var counts = await Task.WhenAll(clients);
        cancellation.ThrowIfCancellationRequested();
        return (counts.Sum(c => c.Completed), counts.Sum(c => c.Refused), counts.Sum(c => c.Failed));
    }

    private static (long Completed, long Refused, long Failed) Flood(Uri server, Func<bool> goesOn)
    {
        var (completed, refused, failed) = (0L, 0L, 0L);
        try
        {
            using var client = Connect(server);
            while (goesOn())
            {
                var status = client.Send();
                completed += status == 200 ? 1 : 0;
                refused += status == 503 ? 1 : 0;
                failed += status is 200 or 503 ? 0 : 1;
            }
        }
        catch (Exception e) when (e is IOException or System.Net.Sockets.SocketException)
        {
            failed++;
        }

        return (completed, refused, failed);
    }

    private static KeepAliveClient Connect(Uri server) => new(
        server, $"/v2/models/{Model}/infer", [.. Json, .. Tensor], $"Inference-Header-Content-Length: {Json.Length}");
}
