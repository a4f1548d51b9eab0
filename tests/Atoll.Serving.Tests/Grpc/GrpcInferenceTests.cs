using Atoll.Devices;
using Atoll.Models;
using Atoll.Serving.Protobuf;
using Atoll.Wire;
using Google.Protobuf;
using static Atoll.Serving.Tests.GrpcTestServer;

namespace Atoll.Serving.Tests;

/// <summary>One request over gRPC: tensors in both forms, parameters, deadlines, tokens, refusals.</summary>
public sealed class GrpcInferenceTests
{
    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Raw_input_is_answered_raw()
    {
        await using var server = await StartAsync(Floats());

        var response = await server.InferAsync(Request(first: 7));

        Assert.Equal(("m", "1", "7"), (response.ModelName, response.ModelVersion, response.Id));
        var output = Assert.Single(response.Outputs);
        Assert.Equal(("y", "FP32"), (output.Name, output.Datatype));
        Assert.Equal([2L], output.Shape);
        Assert.Null(output.Contents);
        Assert.Equal([7f, 2f], Values<float>(Assert.Single(response.RawOutputContents)));
    }

    public static TheoryData<string> Types => [.. Typed.Keys];

    private static readonly Dictionary<string, (ElementType Type, InferTensorContents Contents, ByteString Bytes)>
        Typed = new()
        {
            ["BOOL"] = (ElementType.Bool, new() { BoolContents = { true, false } }, Bytes<byte>(1, 0)),
            ["INT8"] = (ElementType.Int8, new() { IntContents = { -128, 127 } }, Bytes<sbyte>(-128, 127)),
            ["INT16"] = (ElementType.Int16, new() { IntContents = { -2, 32767 } }, Bytes<short>(-2, 32767)),
            ["INT32"] = (ElementType.Int32, new() { IntContents = { -3, int.MaxValue } }, Bytes(-3, int.MaxValue)),
            ["INT64"] = (ElementType.Int64, new() { Int64Contents = { long.MinValue, 4 } }, Bytes(long.MinValue, 4)),
            ["UINT8"] = (ElementType.UInt8, new() { UintContents = { 0, 255 } }, Bytes<byte>(0, 255)),
            ["UINT16"] = (ElementType.UInt16, new() { UintContents = { 1, 65535 } }, Bytes<ushort>(1, 65535)),
            ["UINT32"] =
                (ElementType.UInt32, new() { UintContents = { 2, uint.MaxValue } }, Bytes<uint>(2, uint.MaxValue)),
            ["UINT64"] = (
                ElementType.UInt64, new() { Uint64Contents = { 3, ulong.MaxValue } }, Bytes<ulong>(3, ulong.MaxValue)),
            ["FP32"] = (
                ElementType.Float32, new() { Fp32Contents = { 1.5f, float.NaN } }, Bytes(1.5f, float.NaN)),
            ["FP64"] = (ElementType.Float64, new() { Fp64Contents = { -0.1, 1e300 } }, Bytes(-0.1, 1e300)),
        };

    [Theory]
    [MemberData(nameof(Types))]
    public async Task Typed_contents_become_the_same_bytes(string name)
    {
        var (type, contents, bytes) = Typed[name];
        await using var server = await StartAsync(new FakeModel(FakeModel.Describe("m", type, 2)));
        var request = Request();
        request.RawInputContents.Clear();
        request.Inputs[0].Datatype = name;
        request.Inputs[0].Contents = contents;

        var response = await server.InferAsync(request);

        Assert.Equal(bytes, Assert.Single(response.RawOutputContents));
    }

    [Fact]
    public async Task Messages_of_64_MiB_pass()
    {
        await using var server = await StartAsync(new FakeModel(FakeModel.Describe("m", ElementType.UInt8, -1)));
        var data = new byte[64 << 20];
        new Random(3).NextBytes(data);
        var request = Request();
        request.Inputs[0] = new() { Name = "x", Datatype = "UINT8", Shape = { data.Length } };
        request.RawInputContents[0] = UnsafeByteOperations.UnsafeWrap(data);

        var response = await server.InferAsync(request);

        Assert.True(response.RawOutputContents[0].Span.SequenceEqual(data));
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Tensors_beyond_the_models_limit_are_refused(bool raw)
    {
        var options = new ServingOptions { ModelDefaults = new ModelConfiguration { MaxBodyBytes = 7 } };
        await using var server = await StartAsync(options, TimeProvider.System, Floats());
        var request = Request();
        if (!raw)
        {
            request.RawInputContents.Clear();
            request.Inputs[0].Contents = new InferTensorContents { Fp32Contents = { 1, 2 } };
        }

        var (status, message) = await server.RefusalAsync(request);

        Assert.Equal(GrpcStatus.ResourceExhausted, status);
        Assert.Contains("the limit is 7 bytes (setting max_body_bytes", message);
        var metrics = await server.Http.Client.GetStringAsync("/metrics", Stop);
        Assert.Contains("atoll_grpc_responses_total{code=\"8\"} 1\n", metrics);
    }

    [Fact]
    public async Task Message_beyond_the_setting_is_refused()
    {
        await using var server = await StartAsync(
            new ServingOptions { GrpcMaxMessageBytes = 1024 }, TimeProvider.System, Floats());
        var request = Request();
        request.RawInputContents[0] = ByteString.CopyFrom(new byte[2000]);

        var (status, message) = await server.RefusalAsync(request);

        Assert.Equal(GrpcStatus.ResourceExhausted, status);
        Assert.Contains("the limit is 1024 bytes (setting serving.grpc_max_message_bytes)", message);
    }

    public static TheoryData<string> WrongRequests => [.. Wrong.Keys];

    private static readonly Dictionary<string, (Action<ModelInferRequest> Change, string Reason)> Wrong = new()
    {
        ["unknown input"] = (r => r.Inputs[0].Name = "z", "unexpected input 'z'"),
        ["type"] = (r => r.Inputs[0].Datatype = "INT64", "expects FP32"),
        ["no type"] = (r => r.Inputs[0].Datatype = "FP99", "there is no datatype 'FP99'"),
        ["shape"] = (r => r.Inputs[0].Shape[0] = 3, "expects [2]"),
        ["negative"] = (r => r.Inputs[0].Shape[0] = -2, "whole number of at least 0"),
        ["rank"] = (r => r.Inputs[0].Shape.AddRange(new long[20]), "more than 16 dimensions"),
        ["missing"] = (Empty, "input 'x' of model 'm' is missing"),
        ["twice"] = (Double, "given twice"),
        ["short"] = (r => r.RawInputContents[0] = ByteString.CopyFrom(new byte[7]), "has 7 bytes"),
        ["many raw"] = (r => r.RawInputContents.Add(ByteString.Empty), "1 inputs and 2 raw_input_contents"),
        ["both forms"] = (r => r.Inputs[0].Contents = new(), "contents beside raw_input_contents"),
        ["nothing"] = (r => r.RawInputContents.Clear(), "more elements than"),
        ["output"] = (r => r.Outputs.Add(new ModelInferRequest.Types.InferRequestedOutputTensor { Name = "q" }),
            "unexpected output 'q'"),
        ["priority"] = (
            r => r.Parameters["priority"] = new() { Int64Param = 99 }, "'priority' must be a whole number"),
        ["timeout"] = (r => r.Parameters["timeout"] = new() { StringParam = "soon" }, "'timeout'"),
    };

    [Theory]
    [MemberData(nameof(WrongRequests))]
    public async Task Wrong_request_says_what_is_wrong(string name)
    {
        await using var server = await StartAsync(Floats());
        var request = Request();
        Wrong[name].Change(request);

        var (status, message) = await server.RefusalAsync(request);

        Assert.Equal(GrpcStatus.InvalidArgument, status);
        Assert.Contains(Wrong[name].Reason, message);
    }

    [Theory]
    [InlineData("INT8", 128)]
    [InlineData("INT16", 40000)]
    public async Task Typed_element_out_of_range_is_refused(string name, int value)
    {
        var type = DataTypes.Parse(name);
        await using var server = await StartAsync(new FakeModel(FakeModel.Describe("m", type, 1)));
        var request = Request();
        request.RawInputContents.Clear();
        request.Inputs[0] = new()
        {
            Name = "x", Datatype = name, Shape = { 1 }, Contents = new() { IntContents = { value } },
        };

        Assert.Contains($"is {value}, which {name} cannot hold", (await server.RefusalAsync(request)).Message);
    }

    [Fact]
    public async Task Unknown_model_is_not_found()
    {
        await using var server = await StartAsync(Floats());

        var (status, message) = await server.RefusalAsync(Request("größer"));

        Assert.Equal(GrpcStatus.NotFound, status);
        Assert.Equal("Request for unknown model: 'größer' is not found", message);
    }

    [Fact]
    public async Task Priority_sets_class_and_order()
    {
        var model = Floats();
        await using var server = await StartAsync(model);
        foreach (var value in new InferParameter[] { new() { Int64Param = 1 }, new() { Uint64Param = 5 } })
        {
            var request = Request();
            request.Parameters["priority"] = value;
            await server.InferAsync(request);
        }

        Assert.Equal([(WorkClass.RealTime, 1), (WorkClass.BestEffort, 5)], model.Order);
    }

    [Fact]
    public async Task Token_is_needed_where_tokens_are_set_and_may_forbid_real_time()
    {
        var options = new ServingOptions { Tokens = [new("batch", "secret-one", AllowRealTime: false)] };
        await using var server = await StartAsync(options, TimeProvider.System, Floats());
        var shown = new GrpcCallOptions { Headers = new() { { "authorization", "Bearer secret-one" } } };
        var realTime = Request();
        realTime.Parameters["priority"] = new() { Int64Param = 1 };

        Assert.Equal(GrpcStatus.Unauthenticated, (await server.RefusalAsync(Request())).Status);
        Assert.True((await server.CallAsync(InferenceMethods.ServerLive, new ServerLiveRequest())).Live);
        Assert.Single((await server.InferAsync(Request(), shown)).RawOutputContents);
        var forbidden = await server.RefusalAsync(realTime, shown);

        Assert.Equal(GrpcStatus.PermissionDenied, forbidden.Status);
        Assert.Contains("token 'batch' may not ask for real-time work", forbidden.Message);
    }

    [Fact]
    public async Task Call_past_its_own_deadline_is_dropped()
    {
        using var clock = new ManualClock();
        var model = Floats(gated: true);
        await using var server = await StartAsync(new ServingOptions(), clock, model);
        var call = server.InferAsync(Request(), new GrpcCallOptions { Timeout = TimeSpan.FromMilliseconds(50) });
        await model.BegunAsync();

        clock.Advance(60_000);

        var error = await Assert.ThrowsAsync<GrpcException>(() => call);
        Assert.Equal(GrpcStatus.DeadlineExceeded, error.Status);
        await server.Http.Host.StopAsync(Stop);
        Assert.Equal([InferenceStatus.Cancelled], model.Ended);
    }

    [Fact]
    public async Task Request_past_its_timeout_parameter_is_dropped_with_its_reason()
    {
        using var clock = new ManualClock();
        var model = Floats(gated: true);
        await using var server = await StartAsync(new ServingOptions(), clock, model);
        var request = Request();
        request.Parameters["timeout"] = new() { Int64Param = 20_000 };
        var call = server.InferAsync(request, new GrpcCallOptions { Timeout = TimeSpan.FromSeconds(5) });
        await model.BegunAsync();

        clock.Advance(30_000);

        var error = await Assert.ThrowsAsync<GrpcException>(() => call);
        Assert.Equal(GrpcStatus.Unavailable, error.Status);
        Assert.Contains("Request timeout expired", error.Message);
    }

    [Fact]
    public async Task Longest_deadline_that_the_protocol_knows_passes()
    {
        await using var server = await StartAsync(Floats());

        var response = await server.InferAsync(
            Request(), new GrpcCallOptions { Timeout = TimeSpan.FromDays(40) });

        Assert.Single(response.RawOutputContents);
    }

    [Fact]
    public async Task Client_that_leaves_frees_the_device()
    {
        var model = Floats(gated: true);
        await using var server = await StartAsync(model);
        using var leave = new CancellationTokenSource();
        var call = server.Channel.UnaryAsync(InferenceMethods.ModelInfer, Request(), null, leave.Token);
        await model.BegunAsync();

        await leave.CancelAsync();

        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => call);
        await server.Http.Host.StopAsync(Stop);
        Assert.Equal([InferenceStatus.Cancelled], model.Ended);
    }

    [Fact]
    public async Task Full_queue_is_unavailable_with_the_words_that_clients_know()
    {
        var model = Floats(gated: true, slots: 1);
        var options = new ServingOptions { ModelDefaults = new() { QueueCapacity = 0 } };
        await using var server = await StartAsync(options, TimeProvider.System, model);
        var first = server.InferAsync(Request());
        await model.BegunAsync();

        var (status, message) = await server.RefusalAsync(Request());
        model.LetOneGo();
        await first;

        Assert.Equal(GrpcStatus.Unavailable, status);
        Assert.Contains("Exceeds maximum queue size", message);
    }

    [Fact]
    public async Task Shutdown_lets_the_call_in_flight_end_and_refuses_new_ones()
    {
        var model = Floats(gated: true);
        await using var server = await StartAsync(model);
        var running = server.InferAsync(Request());
        await model.BegunAsync();

        var stopping = server.Http.Host.StopAsync(Stop);
        var (status, message) = await server.RefusalAsync(Request());
        model.LetOneGo();
        var ended = await running;
        await stopping;

        Assert.Equal(GrpcStatus.Unavailable, status);
        Assert.Contains("shutting down", message);
        Assert.Single(ended.RawOutputContents);
    }

    [Fact]
    public async Task Models_failure_is_an_internal_error_with_its_reason()
    {
        var model = Floats();
        model.Fault = new InvalidOperationException("kernel 7 broke");
        await using var server = await StartAsync(model);

        var (status, message) = await server.RefusalAsync(Request());

        Assert.Equal(GrpcStatus.Internal, status);
        Assert.Contains("kernel 7 broke", message);
    }

    private static void Empty(ModelInferRequest request)
    {
        request.Inputs.Clear();
        request.RawInputContents.Clear();
    }

    private static void Double(ModelInferRequest request)
    {
        request.Inputs.Add(request.Inputs[0]);
        request.RawInputContents.Add(ByteString.Empty);
    }
}
