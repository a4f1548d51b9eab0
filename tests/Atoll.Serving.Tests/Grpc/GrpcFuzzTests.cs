using System.Buffers;
using Atoll.Models;
using Atoll.Serving.Protobuf;
using Atoll.Wire;
using Google.Protobuf;
using static Atoll.Serving.Tests.GrpcTestServer;

namespace Atoll.Serving.Tests;

/// <summary>Whatever a message holds, the answer is a result or a clean refusal, and the server lives.</summary>
public sealed class GrpcFuzzTests
{
    private static readonly long[] Dims = [0, 1, 2, -1, 1L << 60, long.MaxValue, long.MinValue];

    // Sends bytes as they are, so that what arrives need not be a message at all.
    private static readonly GrpcMethod<byte[], ModelInferResponse> Raw = new(
        InferenceMethods.Service, "ModelInfer", GrpcMethodKind.Unary,
        new MessageCodec<byte[]>(bytes => bytes.ToArray(), (bytes, to) => to.Write(bytes)),
        MessageCodec.Protobuf<ModelInferResponse>());

    [Fact]
    public async Task Mutated_messages_get_clean_answers()
    {
        var seed = Environment.ProcessId;
        var random = new Random(seed);
        await using var server = await StartAsync(new FakeModel(FakeModel.Describe("m", ElementType.Float32, -1, 2)));
        for (var i = 0; i < 3000; i++)
        {
            var bytes = Mutated(random);
            try
            {
                await server.CallAsync(Raw, bytes);
            }
            catch (GrpcException e)
            {
                var clean = e.Status is GrpcStatus.InvalidArgument or GrpcStatus.NotFound or GrpcStatus.Internal;
                Assert.True(clean && e.Message.Length > 10, $"seed {seed}, case {i}: {e.Status} {e.Message}");
                Assert.DoesNotContain("its log says more", e.Message);
            }
        }

        Assert.True((await server.CallAsync(InferenceMethods.ServerReady, new ServerReadyRequest())).Ready);
    }

    private static byte[] Mutated(Random random)
    {
        var request = Request();
        var input = request.Inputs[0];
        input.Shape.Clear();
        for (var rank = random.Next(4); rank > 0; rank--)
        {
            input.Shape.Add(random.Next(3) == 0 ? Dims[random.Next(Dims.Length)] : random.Next(1, 3));
        }

        if (random.Next(2) == 0)
        {
            request.RawInputContents.Clear();
            input.Contents = new InferTensorContents { Fp32Contents = { new float[random.Next(6)] } };
        }

        var bytes = request.ToByteArray();
        for (var changes = random.Next(3); changes > 0; changes--)
        {
            bytes[random.Next(bytes.Length)] = (byte)random.Next(256);
        }

        return random.Next(10) == 0 ? bytes[..random.Next(bytes.Length)] : bytes;
    }
}
