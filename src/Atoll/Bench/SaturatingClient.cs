using Atoll.Devices;

namespace Atoll;

/// <summary>
/// A client that resubmits its launch as soon as it ends, always with one more launch queued behind; until disposed.
/// </summary>
internal sealed class SaturatingClient : IDisposable
{
    private readonly DeviceStream _stream;
    private readonly Launch[] _launches;
    private volatile bool _stops;

    // Programs are never run twice at once: the second launch waits behind the first in the stream.
    public SaturatingClient(CpuDevice device, Devices.Program program, int index)
    {
        _stream = device.CreateStream(new StreamOptions { Name = $"client-{index}" });
        _launches = [.. Enumerable.Range(0, 2).Select(_ => new Launch(program) { OnEnded = Again })];
        Array.ForEach(_launches, launch => _stream.Submit(launch));
    }

    public void Dispose()
    {
        _stops = true;
        Array.ForEach(_launches, launch => launch.Cancel());
        Array.ForEach(_launches, launch => launch.Wait());
        _stream.Dispose();
    }

    private void Again(Launch launch)
    {
        if (!_stops)
        {
            _stream.Submit(launch);
        }
    }
}
