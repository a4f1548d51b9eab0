using System.Globalization;
using System.Net;
using System.Text.Json;
using Atoll.Serving;
using Microsoft.Extensions.Logging.Abstractions;

namespace Atoll;

/// <summary>
/// A server on a free loopback port over the models, and clients of it: binary tensors in and out, kept connections.
/// </summary>
internal sealed class HttpPath : IRequestPath
{
    private const string JsonLength = "Inference-Header-Content-Length";

    // More than are in flight while requests are answered in time. What a saturated machine does not get to waits
    // here, in place of using up the process's files.
    private const int MaxConnections = 1024;

    private readonly ServingHost _host;
    private readonly HttpClient _client;
    private readonly Dictionary<string, (byte[] Body, string JsonBytes)> _bodies = [];

    private HttpPath(ServingHost host)
    {
        _host = host;
        _client = new HttpClient(new SocketsHttpHandler
        {
            PooledConnectionIdleTimeout = TimeSpan.FromMinutes(5), MaxConnectionsPerServer = MaxConnections,
        })
        {
            BaseAddress = host.Url, Timeout = TimeSpan.FromSeconds(30),
        };
    }

    public string Name => "HTTP";

    /// <summary>Serves models that are loaded already; the server owns them from then on.</summary>
    public static async Task<HttpPath> StartAsync(
        IReadOnlyList<ServingLoad> loads, SessionDirector director, TimeProvider clock, CancellationToken cancellation)
    {
        var host = new ServingHost(
            new ServingOptions { Port = 0 },
            new ServingServices
            {
                Loader = new LoadedModels(loads), Loggers = NullLoggerFactory.Instance, Clock = clock,
                Sessions = director,
            });
        await host.StartAsync(cancellation);
        await host.LoadAsync([.. loads.Select(SourceOf)], cancellation);
        var path = new HttpPath(host);
        foreach (var load in loads)
        {
            path._bodies[load.Name] = Body(load);
        }

        return path;
    }

    public async Task<(InferenceStatus Status, string? Reason)> SendAsync(
        ServingLoad load, InputTensor[] input, CancellationToken cancellation)
    {
        var (body, jsonBytes) = _bodies[load.Name];
        using var request = new HttpRequestMessage(HttpMethod.Post, $"/v2/models/{load.Name}/infer")
        {
            Content = new ByteArrayContent(body),
        };
        request.Headers.Add(JsonLength, jsonBytes);
        try
        {
            using var response = await _client.SendAsync(request, cancellation);
            if (response.StatusCode == HttpStatusCode.OK)
            {
                await response.Content.ReadAsByteArrayAsync(cancellation);
                return (InferenceStatus.Completed, null);
            }

            var reason = await response.Content.ReadAsStringAsync(cancellation);
            return (StatusOf(response.StatusCode, reason), reason);
        }
        catch (OperationCanceledException) when (cancellation.IsCancellationRequested)
        {
            return (InferenceStatus.Cancelled, null);
        }
        catch (Exception e) when (e is HttpRequestException or OperationCanceledException)
        {
            return (InferenceStatus.Failed, e.Message);
        }
    }

    public async ValueTask DisposeAsync()
    {
        _client.Dispose();
        await _host.DisposeAsync();
    }

    // The server loads queries, which it knows by their file, after the models that they run.
    private static ModelSource SourceOf(ServingLoad load) => new(
        load.Name, "1", load.Name == ServingModels.Query ? load.Name + PipelineFile.Extension : load.Name, null);

    private static InferenceStatus StatusOf(HttpStatusCode code, string reason) => code switch
    {
        HttpStatusCode.ServiceUnavailable when reason.Contains("dropped", StringComparison.Ordinal) =>
            InferenceStatus.Late,
        HttpStatusCode.ServiceUnavailable => InferenceStatus.NotAdmitted,
        _ => InferenceStatus.Failed,
    };

    private static (byte[] Body, string JsonBytes) Body(ServingLoad load)
    {
        var tensors = ServingModels.InputOf(load);
        var json = JsonSerializer.SerializeToUtf8Bytes(new
        {
            parameters = new { priority = 1, binary_data_output = true },
            inputs = load.Model.Metadata.Inputs.Select((input, i) => new
            {
                name = input.Name,
                datatype = "FP32",
                shape = tensors[i].Shape,
                parameters = new { binary_data_size = tensors[i].Data.Length },
            }),
        });
        byte[] body = [.. json, .. tensors.SelectMany(tensor => tensor.Data.ToArray())];
        return (body, json.Length.ToString(CultureInfo.InvariantCulture));
    }

    /// <summary>Hands the server models that are loaded already.</summary>
    private sealed class LoadedModels(IReadOnlyList<ServingLoad> loads) : IModelLoader
    {
        public Task<IServedModel> LoadAsync(
            ModelSource source, ModelConfiguration configuration, CancellationToken cancellationToken) =>
            Task.FromResult(loads.First(load => load.Name == source.Name).Model);
    }
}
