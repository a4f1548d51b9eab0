using System.Runtime.InteropServices;
using Atoll.Models;
using Atoll.Serving.Protobuf;
using Google.Protobuf;
using Google.Protobuf.Collections;
using static Atoll.Serving.Tests.GrpcTestServer;

namespace Atoll.Serving.Tests;

/// <summary>Strings, classes, shared memory and several answers, over gRPC as over REST.</summary>
public sealed class GrpcExtensionTests : IDisposable
{
    private const string CountDown = """
        {"model_transaction_policy":{"decoupled":true},
        "iteration":{"continue_output":"MORE","max_iterations":100,
        "state":[{"input_name":"DONE_IN","output_name":"DONE_OUT"}]}}
        """;

    private readonly string _key = $"/atoll-test-{Guid.NewGuid()}";

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    private string SharedFile => SharedMemoryRegions.Folder + _key;

    public void Dispose() => File.Delete(SharedFile);

    [Fact]
    public async Task Strings_pass_in_both_forms()
    {
        await using var server = await StartAsync(new FakeModel(FakeModel.Describe("m", ElementType.String, -1)));
        string[] words = ["a", "", "日本"];
        var elements = words.Select(ByteString.CopyFromUtf8).ToArray();
        var raw = elements.SelectMany(element => BitConverter.GetBytes(element.Length).Concat(element)).ToArray();
        var typed = Strings(3);
        typed.Inputs[0].Contents = new InferTensorContents { BytesContents = { elements } };
        var plain = Strings(3);
        plain.RawInputContents.Add(ByteString.CopyFrom(raw));
        var broken = Strings(3);
        broken.RawInputContents.Add(ByteString.CopyFrom(raw[..^1]));

        Assert.Equal(raw, (await server.InferAsync(typed)).RawOutputContents[0].ToByteArray());
        Assert.Equal(raw, (await server.InferAsync(plain)).RawOutputContents[0].ToByteArray());
        Assert.Contains("does not end with one", (await server.RefusalAsync(broken)).Message);
    }

    [Fact]
    public async Task Output_is_answered_by_its_classes()
    {
        await using var server = await StartAsync(Floats());
        var request = Request(first: 1, second: 9);
        request.Outputs.Add(new ModelInferRequest.Types.InferRequestedOutputTensor
        {
            Name = "y",
            Parameters = { ["classification"] = new InferParameter { Int64Param = 1 } },
        });

        var response = await server.InferAsync(request);

        Assert.Equal("BYTES", response.Outputs[0].Datatype);
        Assert.Equal("9.000000:1", response.RawOutputContents[0].ToStringUtf8()[4..]);
    }

    [Fact]
    public async Task Tensors_are_read_from_and_written_to_shared_memory()
    {
        Assert.SkipUnless(Directory.Exists(SharedMemoryRegions.Folder), $"no {SharedMemoryRegions.Folder}");
        await File.WriteAllBytesAsync(
            SharedFile, [.. MemoryMarshal.AsBytes<float>([1.5f, -2f]), .. new byte[56]], Stop);
        await using var server = await StartAsync(Floats());
        await server.CallAsync(InferenceMethods.SystemSharedMemoryRegister, new SystemSharedMemoryRegisterRequest
        {
            Name = "r", Key = _key, ByteSize = 64,
        });
        var request = Request();
        request.RawInputContents.Clear();
        Place(request.Inputs[0].Parameters, 0);
        request.Outputs.Add(new ModelInferRequest.Types.InferRequestedOutputTensor { Name = "y" });
        Place(request.Outputs[0].Parameters, 32);

        var response = await server.InferAsync(request);
        var status = await server.CallAsync(
            InferenceMethods.SystemSharedMemoryStatus, new SystemSharedMemoryStatusRequest());
        await server.CallAsync(
            InferenceMethods.SystemSharedMemoryUnregister, new SystemSharedMemoryUnregisterRequest());
        var gone = await server.RefusalAsync(request);
        var written = await File.ReadAllBytesAsync(SharedFile, Stop);

        Assert.Equal("r", response.Outputs[0].Parameters["shared_memory_region"].StringParam);
        Assert.Empty(Assert.Single(response.RawOutputContents));
        Assert.Equal([1.5f, -2f], MemoryMarshal.Cast<byte, float>(written.AsSpan(32, 8)).ToArray());
        Assert.Equal((_key, 64ul), (status.Regions["r"].Key, status.Regions["r"].ByteSize));
        Assert.Contains("Unable to find shared memory region: 'r'", gone.Message);
    }

    [Fact]
    public async Task Stream_sends_every_answer_of_a_model_and_its_end_when_asked()
    {
        var model = new ScriptedModel(
            new ModelMetadata
            {
                Name = "m",
                Inputs = [new("INPUT", ElementType.Int32, [1]), new("DONE_IN", ElementType.Int32, [1])],
                Outputs =
                [
                    new("LEFT", ElementType.Int32, [1]), new("MORE", ElementType.Bool, [1]),
                    new("DONE_OUT", ElementType.Int32, [1]),
                ],
            },
            inputs =>
            {
                var done = BitConverter.ToInt32(inputs[1].Data.Span);
                var left = BitConverter.ToInt32(inputs[0].Data.Span) - done;
                return
                [
                    ([1], BitConverter.GetBytes(left)), ([1], BitConverter.GetBytes(left > 0)),
                    ([1], BitConverter.GetBytes(done + 1)),
                ];
            });
        await using var server = Over(await model.ServeAsync(CountDown, options: new() { GrpcPort = 0 }));
        var request = new ModelInferRequest { ModelName = "m", Id = "a", RawInputContents = { Bytes(2) } };
        request.Inputs.Add(new ModelInferRequest.Types.InferInputTensor
        {
            Name = "INPUT", Datatype = "INT32", Shape = { 1 },
        });
        request.Parameters["triton_enable_empty_final_response"] = new InferParameter { BoolParam = true };

        var responses = await server.Channel.DuplexStreaming(
            InferenceMethods.ModelStreamInfer, new[] { request }.ToAsyncEnumerable(), cancellationToken: Stop)
            .Select(response => response.InferResponse).ToListAsync(Stop);
        var unary = await server.RefusalAsync(request);

        Assert.Equal([2, 1, 0], responses[..^1].Select(response => Values<int>(response.RawOutputContents[0])[0]));
        Assert.Equal(
            [false, false, false, true],
            responses.Select(response => response.Parameters["triton_final_response"].BoolParam));
        Assert.Empty(responses[^1].Outputs);
        Assert.Contains("decoupled transaction policy", unary.Message);
    }

    private static ModelInferRequest Strings(int count) => new()
    {
        ModelName = "m",
        Inputs = { new ModelInferRequest.Types.InferInputTensor { Name = "x", Datatype = "BYTES", Shape = { count } } },
    };

    private static void Place(MapField<string, InferParameter> parameters, int offset)
    {
        parameters["shared_memory_region"] = new InferParameter { StringParam = "r" };
        parameters["shared_memory_offset"] = new InferParameter { Int64Param = offset };
        parameters["shared_memory_byte_size"] = new InferParameter { Int64Param = 8 };
    }
}
