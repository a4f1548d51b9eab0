using System.Runtime.InteropServices;
using Atoll.Models;
using Atoll.Serving.Protobuf;
using Atoll.Wire;
using Google.Protobuf;

namespace Atoll.Serving.Tests;

/// <summary>A server with gRPC on a free loopback port, a client of it, and the messages that tests send.</summary>
internal sealed class GrpcTestServer : IAsyncDisposable
{
    private GrpcTestServer(TestServer http, GrpcChannelOptions options)
    {
        Http = http;
        Channel = new GrpcChannel(http.Host.GrpcUrl!, options);
    }

    public TestServer Http { get; }

    public GrpcChannel Channel { get; }

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    public static Task<GrpcTestServer> StartAsync(params FakeModel[] models) =>
        StartAsync(new ServingOptions(), TimeProvider.System, models);

    public static async Task<GrpcTestServer> StartAsync(
        ServingOptions options, TimeProvider clock, params FakeModel[] models)
    {
        var server = await TestServer.StartAsync(clock, options with { GrpcPort = 0 }, models);
        return new GrpcTestServer(server, new GrpcChannelOptions { Clock = clock });
    }

    /// <summary>Over a server that the test has started with gRPC.</summary>
    public static GrpcTestServer Over(TestServer http) => new(http, new GrpcChannelOptions());

    /// <summary>A model of one FP32 input x and output y of shape [2].</summary>
    public static FakeModel Floats(bool gated = false, int slots = 2) =>
        new(FakeModel.Describe("m", ElementType.Float32, 2), slots) { Gated = gated };

    /// <summary>A request with raw data.</summary>
    public static ModelInferRequest Request(string model = "m", float first = 1, float second = 2) => new()
    {
        ModelName = model,
        Id = $"{first}",
        Inputs = { new ModelInferRequest.Types.InferInputTensor { Name = "x", Datatype = "FP32", Shape = { 2 } } },
        RawInputContents = { Bytes<float>(first, second) },
    };

    public static ByteString Bytes<T>(params T[] values) where T : unmanaged =>
        ByteString.CopyFrom(MemoryMarshal.AsBytes<T>(values));

    public static T[] Values<T>(ByteString bytes) where T : unmanaged =>
        MemoryMarshal.Cast<byte, T>(bytes.Span).ToArray();

    public Task<ModelInferResponse> InferAsync(ModelInferRequest request, GrpcCallOptions? options = null) =>
        CallAsync(InferenceMethods.ModelInfer, request, options);

    public Task<TResponse> CallAsync<TRequest, TResponse>(
        GrpcMethod<TRequest, TResponse> method, TRequest request, GrpcCallOptions? options = null) =>
        Channel.UnaryAsync(method, request, options, Stop);

    /// <summary>The status and message with which a request is refused.</summary>
    public async Task<(GrpcStatus Status, string Message)> RefusalAsync(
        ModelInferRequest request, GrpcCallOptions? options = null)
    {
        var error = await Assert.ThrowsAsync<GrpcException>(() => InferAsync(request, options));
        return (error.Status, error.Message);
    }

    public async ValueTask DisposeAsync()
    {
        Channel.Dispose();
        await Http.DisposeAsync();
    }
}
