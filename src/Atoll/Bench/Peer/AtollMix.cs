using Atoll.Devices;
using Atoll.Models;

namespace Atoll;

/// <summary>Our side of `bench peer-sharing`: one real-time and one best-effort model on one device.</summary>
internal sealed class AtollMix : IDisposable
{
    private readonly CpuDevice _device;
    private readonly DisbModels _models;
    private readonly TimeProvider _clock;
    private readonly (DisbTask Task, ModelInstance Instance) _realTime;
    private readonly (DisbTask Task, ModelInstance Instance) _bestEffort;

    public AtollMix(PeerSharingOptions options, IReadOnlyDictionary<string, double> widths, TimeProvider clock)
    {
        _clock = clock;
        _device = new CpuDevice(new CpuDeviceOptions { Units = options.Units });
        _models = DisbModels.Load([options.RealTimeModel, options.BestEffortModel], widths, _ => { });
        _realTime = (new DisbTask(options.RealTimeModel, WorkClass.RealTime, DisbLoad.Uniform, 1, []),
            _models.Instantiate(options.RealTimeModel, _device, 1));
        _bestEffort = (new DisbTask(options.BestEffortModel, WorkClass.BestEffort, DisbLoad.ClosedLoop, 0, []),
            _models.Instantiate(options.BestEffortModel, _device, 2));
        var closed = Phase([(_realTime.Task with { Load = DisbLoad.ClosedLoop }, _realTime.Instance)], 1, 1);
        AloneMs = Percentiles.Median(closed.RealTimeMs[0]);
    }

    /// <summary>Median latency of the real-time model in a closed loop without other work.</summary>
    public double AloneMs { get; }

    public Task<MixRun> RunAsync(bool hasRealTime, bool hasBestEffort, double rate, double seconds) => Task.Run(() =>
    {
        var clients = new List<(DisbTask, ModelInstance)>();
        if (hasRealTime)
        {
            clients.Add(_realTime);
        }

        if (hasBestEffort)
        {
            clients.Add(_bestEffort);
        }

        var measured = Phase(clients, seconds, rate);
        return new MixRun([.. measured.RealTimeMs.SelectMany(c => c).Order()], measured.BestEffortRate);
    });

    public void Dispose()
    {
        _models.Dispose();
        _device.Dispose();
    }

    private DisbMeasurement Phase(IReadOnlyList<(DisbTask, ModelInstance)> clients, double seconds, double rate) =>
        new DisbPhase(_device, clients, _clock).Run(seconds, rate,
            new Dictionary<string, double> { [_realTime.Task.Model] = 0 }, seed: 1);
}
