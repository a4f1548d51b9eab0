using Atoll.Devices;
using Atoll.Models;
using Atoll.Serving;
using Microsoft.Extensions.Logging.Abstractions;

namespace Atoll.EndToEnd.Tests;

/// <summary>
/// The whole server in this process: sample models in a folder of their own, the CPU device, the page.
/// </summary>
internal sealed class LiveServer : IAsyncDisposable
{
    public const string BestEffortModel = "resnet152";

    private readonly DirectoryInfo _folder;
    private readonly CpuDevice _device;
    private readonly ServingHost _host;

    private LiveServer(DirectoryInfo folder, CpuDevice device, ServingHost host)
    {
        _folder = folder;
        _device = device;
        _host = host;
    }

    public Uri Url => _host.Url;

    /// <summary>Unit seconds that best-effort work has had so far, and the number of units.</summary>
    public (double Seconds, int Units) BestEffortWork => (_device.BusySeconds(WorkClass.BestEffort), _device.Units);

    public static async Task<LiveServer> StartAsync(CancellationToken cancellation)
    {
        var folder = Directory.CreateTempSubdirectory("atoll-end-to-end-");
        SampleModels.Create("digits", Path.Combine(folder.FullName, "digits.onnx"), new SampleModelOptions());

        // Wide enough that the device is the bottleneck, not the HTTP of its clients in this same process.
        var wide = new SampleModelOptions { Width = 0.75 };
        SampleModels.Create(BestEffortModel, Path.Combine(folder.FullName, $"{BestEffortModel}.onnx"), wide);
        var device = new CpuDevice(new CpuDeviceOptions());
        var host = new ServingHost(new ServingOptions { Port = 0 }, new ServingServices
        {
            Loader = new DeviceModelLoader(device),
            Loggers = NullLoggerFactory.Instance,
            Clock = device.Clock,
            Monitor = new CpuDeviceMonitor(device),
            Assets = PageAssets.Load(),
        });
        await host.StartAsync(cancellation);
        await host.LoadAsync(ModelSource.Find(folder.FullName), cancellation);
        Assert.All(host.Models, model => Assert.True(model.State == ModelState.Ready, model.Reason));
        return new LiveServer(folder, device, host);
    }

    public async ValueTask DisposeAsync()
    {
        await _host.DisposeAsync();
        _device.Dispose();
        _folder.Delete(recursive: true);
    }
}
