using Atoll.Devices;

namespace Atoll;

/// <summary>
/// A device with a real-time program, and best-effort clients that come and go: what one case of
/// <see cref="PreemptBench"/> is measured on, in turns with and without the clients.
/// </summary>
internal sealed class PreemptSubject : IDisposable
{
    private const double RealTimeBlockUs = 8;

    // The first runs of a client also touch new memory and compile code.
    private const int WarmLaunches = 3;

    private readonly PreemptCase _what;
    private readonly TimeProvider _clock;
    private readonly CpuDevice _device;
    private readonly DeviceStream _realTime;
    private readonly Launch _urgent;
    private readonly SaturatingModel? _model;
    private readonly Devices.Program[] _programs;
    private readonly Random _random;
    private bool _isWarm;

    public PreemptSubject(PreemptCase what, TimeProvider clock, int seed)
    {
        (_what, _clock, _random) = (what, clock, new Random(seed));
        _device = new CpuDevice(new CpuDeviceOptions
        {
            Units = what.Units,
            Mode = ShareModeNames.Parse(what.Mode),
            Rights = what.Rights == "full" ? null : SchedulingRights.Plain,
            DeviceQueueCapacity = what.Mode == "wait" ? 1024 : null,
        });
        _urgent = new Launch(_device.Load("urgent",
            [new PacedKernel("first", what.RtBlocks, RealTimeBlockUs, clock),
                new PacedKernel("second", 1, RealTimeBlockUs, clock)]));
        _realTime = _device.CreateStream(new StreamOptions { Class = WorkClass.RealTime, Name = "urgent" });
        _model = what.Model is { } name ? new SaturatingModel(_device, name) : null;
        _programs = [.. Enumerable.Range(0, what.Clients).Select(_ => _model?.Program ?? Paced())];
        WarmClients();
        // What loading left behind is not collected while something is measured.
        GC.Collect();
    }

    /// <summary>Kernels of one best-effort launch.</summary>
    public int Kernels => _programs.Max(program => program.Kernels.Length);

    public PreemptMeasurement MeasureAlone(int samples) => Measure(samples, forcesGc: false);

    public PreemptMeasurement MeasureLoaded(int samples)
    {
        var clients = _programs.Select((program, i) => new SaturatingClient(_device, program, i)).ToArray();
        var measured = Measure(samples, _what.ForcesGc);
        Array.ForEach(clients, client => client.Dispose());
        return measured;
    }

    public void Dispose()
    {
        _model?.Dispose();
        _realTime.Dispose();
        _device.Dispose();
    }

    private Devices.Program Paced() => _device.Load("client",
        [.. Enumerable.Range(0, _what.Queue)
            .Select(k => new PacedKernel($"k{k}", 2 * _what.Units, _what.BlockUs, _clock))]);

    private void WarmClients()
    {
        using var stream = _device.CreateStream(new StreamOptions { Name = "warm" });
        foreach (var program in _programs.Distinct())
        {
            var launch = new Launch(program);
            for (var i = 0; i < WarmLaunches; i++)
            {
                stream.Submit(launch);
                launch.Wait();
            }
        }
    }

    private PreemptMeasurement Measure(int count, bool forcesGc)
    {
        var samples = new PreemptSample[count];
        long allocated = 0;
        var submitter = new Thread(() => allocated = Submit(samples, forcesGc)) { Name = "submitter" };
        using var collector = forcesGc ? new Timer(_ => GC.Collect(), null, 100, 100) : null;
        submitter.Start();
        submitter.Join();
        return PreemptMeasurement.Of(samples, _device.Statistics, allocated / count);
    }

    private long Submit(PreemptSample[] samples, bool forcesGc)
    {
        var cpus = ThreadScheduling.AllowedCpus();
        ThreadScheduling.TryPin(cpus[0]);
        ThreadScheduling.UsePreciseTimers();
        if (_what.Rights == "full")
        {
            ThreadScheduling.TryFifo(50);
        }

        var mayUseCpu = _what.Units < cpus.Count;
        var warmup = _isWarm ? 10 : 100;
        _isWarm = true;
        long before = 0;
        for (var i = -warmup; i < samples.Length; i++)
        {
            if (i == 0)
            {
                _device.Statistics.Clear();
                before = GC.GetAllocatedBytesForCurrentThread();
            }

            PassTime(300 + _random.Next(200), mayUseCpu);
            var collections = GC.CollectionCount(0);
            _realTime.Submit(_urgent);
            Await(_urgent, mayUseCpu);
            samples[Math.Max(0, i)] = new PreemptSample(
                _device.MicrosecondsBetween(_urgent.SubmittedAt, _urgent.SpreadAt),
                forcesGc && GC.CollectionCount(0) != collections);
        }

        return GC.GetAllocatedBytesForCurrentThread() - before;
    }

    // With a CPU of its own the submitter spins, so that waking it is no part of what is measured.
    private void PassTime(int microseconds, bool mayUseCpu)
    {
        if (!mayUseCpu)
        {
            ThreadScheduling.SleepPrecisely(TimeSpan.FromMicroseconds(microseconds));
            return;
        }

        // A thread that never sleeps under SCHED_FIFO is stopped for 50 ms of each second.
        _device.Hint(TimeSpan.FromMicroseconds(microseconds + 100));
        var until = _clock.GetTimestamp() + (microseconds * _clock.TimestampFrequency / 1_000_000);
        ThreadScheduling.SleepPrecisely(TimeSpan.FromMicroseconds(microseconds / 2));
        while (_clock.GetTimestamp() < until)
        {
            Thread.SpinWait(1);
        }
    }

    private static void Await(Launch launch, bool mayUseCpu)
    {
        while (mayUseCpu && !launch.IsEnded)
        {
            Thread.SpinWait(1);
        }

        launch.Wait();
    }
}
