using Atoll.Models;
using Atoll.Serving.Protobuf;
using Atoll.Wire;
using static Atoll.Serving.Tests.GrpcTestServer;
using ServingStatus = Atoll.Serving.Protobuf.HealthCheckResponse.Types.ServingStatus;

namespace Atoll.Serving.Tests;

/// <summary>Calls that tell of the server and its models, and health.</summary>
public sealed class GrpcInformationTests
{
    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Server_tells_what_REST_tells()
    {
        await using var server =
            await StartAsync(new ServingOptions { Name = "island" }, TimeProvider.System, Floats());

        var metadata = await server.CallAsync(InferenceMethods.ServerMetadata, new ServerMetadataRequest());
        var (_, json) = await server.Http.GetAsync("/v2");

        Assert.Equal("island", metadata.Name);
        Assert.Equal(json.GetProperty("version").GetString(), metadata.Version);
        Assert.Equal(
            json.GetProperty("extensions").EnumerateArray().Select(e => e.GetString()), metadata.Extensions);
        Assert.True((await server.CallAsync(InferenceMethods.ServerLive, new ServerLiveRequest())).Live);
        Assert.True((await server.CallAsync(InferenceMethods.ServerReady, new ServerReadyRequest())).Ready);
    }

    [Fact]
    public async Task Model_tells_its_tensors_and_readiness()
    {
        await using var server = await StartAsync(new FakeModel(FakeModel.Describe("m", ElementType.Int64, -1, 3)));

        var model = await server.CallAsync(InferenceMethods.ModelMetadata, new ModelMetadataRequest { Name = "m" });

        Assert.Equal(("m", "atoll_onnx"), (model.Name, model.Platform));
        Assert.Equal(["1"], model.Versions);
        Assert.Equal(("x", "INT64"), (model.Inputs[0].Name, model.Inputs[0].Datatype));
        Assert.Equal([-1L, 3L], model.Outputs[0].Shape);
        Assert.True(await ReadyAsync(server, "m", "1"));
        Assert.False(await ReadyAsync(server, "m", "2"));
        Assert.False(await ReadyAsync(server, "absent", ""));
    }

    [Fact]
    public async Task Configuration_and_statistics_say_the_same_as_REST()
    {
        await using var server = await StartAsync(Floats());
        await server.InferAsync(Request());
        await server.InferAsync(Request());

        var config = (await server.CallAsync(
            InferenceMethods.ModelConfig, new ModelConfigRequest { Name = "m" })).Config;
        var all = await server.CallAsync(InferenceMethods.ModelStatistics, new ModelStatisticsRequest());
        var one = await server.CallAsync(
            InferenceMethods.ModelStatistics, new ModelStatisticsRequest { Name = "m", Version = "1" });

        Assert.Equal(("m", "atoll", 0), (config.Name, config.Backend, config.MaxBatchSize));
        Assert.Equal((DataType.TypeFp32, 2L), (config.Input[0].DataType, config.Input[0].Dims[0]));
        Assert.Equal(1u, config.VersionPolicy.Latest.NumVersions);
        Assert.Equal("best_effort", config.Parameters["class"].StringValue);
        var statistics = Assert.Single(one.ModelStats);
        Assert.Equal((2ul, 2ul), (statistics.InferenceCount, statistics.ExecutionCount));
        Assert.Equal(2ul, statistics.InferenceStats.Success.Count);
        Assert.True(statistics.LastInference > 0);
        Assert.Equal(1ul, Assert.Single(statistics.BatchStats).BatchSize);
        Assert.Equal(statistics, Assert.Single(all.ModelStats));
    }

    [Fact]
    public async Task Unknown_models_are_not_found()
    {
        await using var server = await StartAsync(Floats());

        var error = await Assert.ThrowsAsync<GrpcException>(() => server.CallAsync(
            InferenceMethods.ModelConfig, new ModelConfigRequest { Name = "absent" }));

        Assert.Equal(GrpcStatus.NotFound, error.Status);
    }

    [Fact]
    public async Task Repository_is_listed_and_changed_only_in_explicit_mode()
    {
        await using var server = await StartAsync(Floats());

        var index = await server.CallAsync(InferenceMethods.RepositoryIndex, new RepositoryIndexRequest());
        var load = await Assert.ThrowsAsync<GrpcException>(() => server.CallAsync(
            InferenceMethods.RepositoryModelLoad, new RepositoryModelLoadRequest { ModelName = "m" }));

        Assert.Equal(("m", "1", "READY"), (index.Models[0].Name, index.Models[0].Version, index.Models[0].State));
        Assert.Equal(GrpcStatus.Unavailable, load.Status);
        Assert.Contains("setting serving.model_control", load.Message);
    }

    [Fact]
    public async Task Explicit_mode_unloads_and_says_why_it_cannot_load()
    {
        var options = new ServingOptions { ControlMode = ModelControlMode.Explicit };
        await using var server = await StartAsync(options, TimeProvider.System, Floats());

        await server.CallAsync(
            InferenceMethods.RepositoryModelUnload, new RepositoryModelUnloadRequest { ModelName = "m" });
        var load = await Assert.ThrowsAsync<GrpcException>(() => server.CallAsync(
            InferenceMethods.RepositoryModelLoad, new RepositoryModelLoadRequest { ModelName = "absent" }));
        var strange = await Assert.ThrowsAsync<GrpcException>(() => server.CallAsync(
            InferenceMethods.RepositoryModelLoad, new RepositoryModelLoadRequest
            {
                ModelName = "m",
                Parameters = { ["speed"] = new ModelRepositoryParameter { Int64Param = 1 } },
            }));

        Assert.False(await ReadyAsync(server, "m", ""));
        Assert.Equal(GrpcStatus.InvalidArgument, load.Status);
        Assert.Contains("failed to load 'absent'", load.Message);
        Assert.Contains("parameter 'speed' is unknown", strange.Message);
    }

    [Fact]
    public async Task Methods_that_are_absent_say_so()
    {
        await using var server = await StartAsync(Floats());
        var trace = GrpcMethod.Of<TraceSettingRequest, TraceSettingResponse>(InferenceMethods.Service, "TraceSetting");

        var error = await Assert.ThrowsAsync<GrpcException>(() => server.CallAsync(trace, new TraceSettingRequest()));

        Assert.Equal(GrpcStatus.Unimplemented, error.Status);
        Assert.Contains("writes no traces", error.Message);
    }

    [Theory]
    [InlineData("")]
    [InlineData(InferenceMethods.Service)]
    public async Task Health_is_serving_once_models_are_loaded(string service)
    {
        await using var server = await StartAsync(Floats());

        var health = await server.CallAsync(InferenceMethods.HealthCheck, new HealthCheckRequest { Service = service });
        var unknown = await Assert.ThrowsAsync<GrpcException>(() => server.CallAsync(
            InferenceMethods.HealthCheck, new HealthCheckRequest { Service = "else" }));

        Assert.Equal(ServingStatus.Serving, health.Status);
        Assert.Equal(GrpcStatus.NotFound, unknown.Status);
    }

    [Fact]
    public async Task Watcher_is_told_that_the_server_drains()
    {
        var model = Floats(gated: true);
        await using var server = await StartAsync(model);
        await using var watch = server.Channel.ServerStreaming(
            InferenceMethods.HealthWatch, new HealthCheckRequest(), cancellationToken: Stop).GetAsyncEnumerator(Stop);
        Assert.True(await watch.MoveNextAsync());
        Assert.Equal(ServingStatus.Serving, watch.Current.Status);
        var running = server.InferAsync(Request());
        await model.BegunAsync();

        var stopping = server.Http.Host.StopAsync(Stop);

        Assert.True(await watch.MoveNextAsync());
        Assert.Equal(ServingStatus.NotServing, watch.Current.Status);
        model.LetOneGo();
        await running;
        await stopping;
    }

    private static async Task<bool> ReadyAsync(GrpcTestServer server, string model, string version) =>
        (await server.CallAsync(
            InferenceMethods.ModelReady, new ModelReadyRequest { Name = model, Version = version })).Ready;
}
