using Atoll.Devices;
using Atoll.Models;

namespace Atoll;

/// <summary>
/// A real-time client: a thread that sleeps until a request arrives, writes the input, submits, waits for the end and
/// reads the output. Latency covers all of that but the sleep.
/// </summary>
internal sealed class DisbRealTimeClient : IDisposable
{
    private readonly DeviceStream _stream;
    private readonly ModelInstance _instance;
    private readonly Launch _launch;
    private readonly double[] _arrivals;
    private readonly byte[] _frame;
    private readonly byte[] _answer;
    private readonly TimeProvider _clock;
    private readonly Thread _thread;
    private readonly List<double> _latencies;
    private readonly List<(long Start, long End)> _onDevice;
    private readonly bool _isClosedLoop;
    private readonly double _seconds;
    private long _start;
    private string? _failure;

    public DisbRealTimeClient(
        ModelInstance instance, DisbTask task, double[] arrivals, double seconds, TimeProvider clock)
    {
        (_instance, _arrivals, _clock, _seconds) = (instance, arrivals, clock, seconds);
        _isClosedLoop = task.Load == DisbLoad.ClosedLoop;
        _stream = instance.Device.CreateStream(new StreamOptions { Class = WorkClass.RealTime, Name = task.Model });
        _launch = new Launch(instance.Program);
        _frame = instance.Input(0).AsSpan<byte>().ToArray();
        _answer = new byte[instance.Output(0).Bytes];
        var most = Math.Max(arrivals.Length, _isClosedLoop ? (int)(seconds * 2000) : 0);
        _latencies = new List<double>(most);
        _onDevice = new List<(long Start, long End)>(most);
        _thread = new Thread(Run) { Name = "disb-" + task.Model };
    }

    /// <summary>Milliseconds of each served request, in order.</summary>
    public IReadOnlyList<double> LatenciesMs => _latencies;

    /// <summary>When launches of this client were on the device.</summary>
    public IReadOnlyList<(long Start, long End)> OnDevice => _onDevice;

    public void Start(long start)
    {
        _start = start;
        _thread.Start();
    }

    /// <exception cref="InvalidOperationException">A request was refused or failed.</exception>
    public void Join()
    {
        _thread.Join();
        if (_failure is not null)
        {
            throw new InvalidOperationException(_failure);
        }
    }

    public void Dispose() => _stream.Dispose();

    private double Elapsed => _clock.GetElapsedTime(_start).TotalSeconds;

    private void Run()
    {
        ThreadScheduling.UsePreciseTimers();
        ThreadScheduling.TryFifo(50);
        var next = 0;
        while (_isClosedLoop ? Elapsed < _seconds : next < _arrivals.Length)
        {
            if (!_isClosedLoop)
            {
                next = DisbArrivals.Next(_arrivals, next, Elapsed);
                if (_arrivals[next] - Elapsed is var ahead and > 0)
                {
                    ThreadScheduling.SleepPrecisely(TimeSpan.FromSeconds(ahead));
                }
            }

            if (!TryServeOne())
            {
                return;
            }

            next++;
        }
    }

    // Nothing but completed requests may count as a latency.
    private bool TryServeOne()
    {
        var begin = _clock.GetTimestamp();
        _frame.CopyTo(_instance.Input(0).AsSpan<byte>());
        var submitted = _stream.Submit(_launch);
        if (submitted != SubmitResult.Accepted || _launch.Wait() != LaunchStatus.Completed)
        {
            _failure = $"a real-time request of {_stream.Options.Name} was {submitted} and is {_launch.Status}: " +
                $"{_launch.Failure?.Message}";
            return false;
        }

        _instance.Output(0).AsSpan<byte>().CopyTo(_answer);
        var end = _clock.GetTimestamp();
        _latencies.Add(_clock.GetElapsedTime(begin, end).TotalMilliseconds);
        _onDevice.Add((_launch.StartedAt, _launch.EndedAt));
        return true;
    }
}

/// <summary>A best-effort client: submits again the moment its request ends, on the unit that ended it.</summary>
internal sealed class DisbBestEffortClient : IDisposable
{
    private readonly DeviceStream _stream;
    private readonly Launch _launch;
    private volatile bool _stops;
    private int _completed;

    public DisbBestEffortClient(ModelInstance instance, DisbTask task)
    {
        Model = task.Model;
        _stream = instance.Device.CreateStream(new StreamOptions { Name = task.Model });
        _launch = new Launch(instance.Program) { OnEnded = Again };
    }

    public string Model { get; }

    /// <summary>Inferences ended so far, with the finished part of the one that runs.</summary>
    public double Completed =>
        Volatile.Read(ref _completed) + ((double)_launch.CompletedKernels / _launch.Program.Kernels.Length % 1);

    public void Start() => _stream.Submit(_launch);

    public void Stop()
    {
        _stops = true;
        _launch.Cancel();
        _launch.Wait();
    }

    public void Dispose() => _stream.Dispose();

    private void Again(Launch launch)
    {
        if (launch.Status == LaunchStatus.Completed)
        {
            Interlocked.Increment(ref _completed);
        }

        if (!_stops)
        {
            _stream.Submit(launch);
        }
    }
}
