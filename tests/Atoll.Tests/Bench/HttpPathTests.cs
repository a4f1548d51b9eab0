using Atoll.Devices;
using Atoll.Serving;
using Microsoft.Extensions.Logging.Abstractions;

namespace Atoll.Tests;

public sealed class HttpPathTests
{
    private static CancellationToken Token => TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_query_goes_on_when_a_server_takes_it_with_its_models()
    {
        using var device = new CpuDevice(new CpuDeviceOptions { Units = 1 });
        await using var director = new SessionDirector(
            [new DeviceBackend(device)], new SessionDirectorOptions(), TimeProvider.System, NullLoggerFactory.Instance);
        var loads = await ServingModels.LoadAsync(director, _ => { }, Token);
        var query = loads.Single(load => load.Name == ServingModels.Query);

        await using var path = await HttpPath.StartAsync(loads, director, TimeProvider.System, Token);

        Assert.Empty(query.Sessions.Except(director.Status.Sessions.Select(session => session.Name)));
        var answer = await path.SendAsync(query, ServingModels.InputOf(query), Token);
        Assert.Equal((InferenceStatus.Completed, null), answer);
    }
}
