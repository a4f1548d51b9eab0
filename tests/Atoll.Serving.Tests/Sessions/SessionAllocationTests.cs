using Atoll.Devices;
using Atoll.Models;
using Microsoft.Extensions.Logging.Abstractions;

namespace Atoll.Serving.Tests;

/// <summary>Counts the allocations of the whole process, so nothing else may run beside it.</summary>
[CollectionDefinition(DisableParallelization = true)]
public sealed class ProcessAlone;

[Collection<ProcessAlone>]
public sealed class SessionAllocationTests
{
    private const int Requests = 20_000;

    /// <summary>Below the smallest object: no request allocates; what remains is the runtime's own.</summary>
    private const int MostBytes = Requests * 12;

    [Theory]
    [InlineData(1)]
    [InlineData(8)]
    public async Task Warm_session_allocates_nothing_for_a_request(int clients)
    {
        var folder = Directory.CreateTempSubdirectory("atoll-warm-");
        ProtocolModels.Create("identity_fp32", folder.FullName);
        using var device = new CpuDevice(new CpuDeviceOptions());
        await using (var director = new SessionDirector(
            [new DeviceBackend(device)], new SessionDirectorOptions(), device.Clock, NullLoggerFactory.Instance))
        {
            var configuration = new ModelConfiguration { MaxBatchSize = 8, QueueCapacity = 64 };
            var model = await director.LoadAsync(
                ModelSource.Find(folder.FullName)[0], configuration, ModelLimits.Default, Token);
            await AskAsync(model, clients);

            var before = GC.GetTotalAllocatedBytes(precise: true);
            await AskAsync(model, clients);
            var allocated = GC.GetTotalAllocatedBytes(precise: true) - before;

            Assert.True(allocated <= MostBytes, $"{allocated} bytes were allocated for {Requests} requests");
        }

        folder.Delete(recursive: true);
    }

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    private static Task AskAsync(IServedModel model, int clients) => Task.WhenAll(
        Enumerable.Range(0, clients).Select(_ => Task.Run(() => AskAsync(model), Token)));

    private static async Task AskAsync(IServedModel model)
    {
        using var leaving = new CancellationTokenSource();
        using var request = new InferenceRequest { Inputs = [new InputTensor([1, 16], new byte[64])] };
        request.Outputs.Add(new OutputRequest(0, Binary: true));
        for (var i = 0; i < Requests; i++)
        {
            var outcome = await model.InferAsync(request, leaving.Token);
            outcome.Outputs!.Dispose();
        }
    }
}
