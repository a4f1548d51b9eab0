using Atoll.Devices;

namespace Atoll;

/// <summary>
/// Measures preemption: best-effort clients keep the device saturated with queued kernels while a thread that is no
/// compute unit submits a two-kernel real-time program every 300 to 500 us (REEF's experiment). Latency = entry of
/// Submit until every block that can start at once has started, every sample counted.
/// </summary>
internal sealed class PreemptBench(TimeProvider clock, int seed)
{
    private const double RealTimeBlockUs = 8;

    // The machine's speed drifts over seconds: every case is measured in several rounds, so that drift hits all alike.
    private const int Rounds = 8;

    // A model is loaded anew in each round.
    private const int ModelRounds = 2;

    public IReadOnlyList<PreemptRow> Run(IReadOnlyList<PreemptCase> cases, Action<int> progress)
    {
        var loaded = cases.Select(_ => new List<Measurement>()).ToArray();
        var control = cases.Select(_ => new List<Measurement>()).ToArray();
        var rounds = cases.Any(what => what.Model is not null) ? ModelRounds : Rounds;
        for (var round = 0; round < rounds; round++)
        {
            for (var index = 0; index < cases.Count; index++)
            {
                var part = cases[index] with { Samples = Math.Max(25, cases[index].Samples / rounds) };
                control[index].Add(
                    Measure(part with { Clients = 0, ForcesGc = false, Samples = Math.Max(25, part.Samples / 2) }));
                loaded[index].Add(Measure(part));
                progress((round * cases.Count) + index + 1);
            }
        }

        return [.. cases.Select((what, index) => Row(what, loaded[index], control[index]))];
    }

    private static PreemptRow Row(PreemptCase what, List<Measurement> loaded, List<Measurement> control)
    {
        double[] clean = [.. loaded.SelectMany(m => m.Clean).Order()];
        double[] collected = [.. loaded.SelectMany(m => m.Collected).Order()];
        double[] idle = [.. control.SelectMany(m => m.Clean).Order()];
        return new PreemptRow
        {
            Mode = what.Mode,
            Model = what.Model,
            Queue = what.Model is null ? what.Queue : loaded.Max(m => m.Kernels),
            Clients = what.Clients,
            BlockUs = what.BlockUs,
            Units = what.Units,
            RtBlocks = what.RtBlocks,
            Rights = what.Rights,
            Samples = clean.Length,
            P50Us = Percentiles.Of(clean, 0.5),
            P99Us = Percentiles.Of(clean, 0.99),
            P999Us = Percentiles.Of(clean, 0.999),
            MaxUs = Percentiles.Of(clean, 1),
            ControlP50Us = Percentiles.Of(idle, 0.5),
            ControlP99Us = Percentiles.Of(idle, 0.99),
            ControlP999Us = Percentiles.Of(idle, 0.999),
            ControlMaxUs = Percentiles.Of(idle, 1),
            RepeatedBlocks = loaded.Sum(m => m.Statistics.Repeated),
            StoppedBlocks = loaded.Sum(m => m.Statistics.Stopped),
            DroppedKernels = loaded.Sum(m => m.Statistics.Dropped),
            EvictedKernels = loaded.Sum(m => m.Statistics.Evicted),
            StagesP50Us = Stages(loaded, 0.5),
            StagesP99Us = Stages(loaded, 0.99),
            AllocatedBytesPerLaunch = loaded.Max(m => m.AllocatedBytesPerLaunch),
            GcSamples = collected.Length,
            GcP99Us = Percentiles.Of(collected, 0.99),
            GcMaxUs = Percentiles.Of(collected, 1),
        };
    }

    private static PreemptStages Stages(List<Measurement> rounds, double quantile)
    {
        double Us(Func<PreemptionStatistics, LatencyHistogram> stage) =>
            Math.Round(Percentiles.Median(rounds.Select(r => stage(r.Statistics).Quantile(quantile))) / 1e3, 3);
        return new PreemptStages(
            Us(s => s.Flag), Us(s => s.Running), Us(s => s.Idle), Us(s => s.DeviceQueue), Us(s => s.HostQueue));
    }

    private Measurement Measure(PreemptCase what)
    {
        using var device = new CpuDevice(new CpuDeviceOptions
        {
            Units = what.Units,
            Mode = ShareModeNames.Parse(what.Mode),
            Rights = what.Rights == "full" ? null : SchedulingRights.Plain,
            DeviceQueueCapacity = what.Mode == "wait" ? 1024 : null,
        });
        var urgent = new Launch(device.Load("urgent",
            [new PacedKernel("first", what.RtBlocks, RealTimeBlockUs, clock),
                new PacedKernel("second", 1, RealTimeBlockUs, clock)]));
        using var realTime = device.CreateStream(new StreamOptions { Class = WorkClass.RealTime, Name = "urgent" });
        using var model = what is { Model: { } name, Clients: > 0 } ? new SaturatingModel(device, name) : null;
        var program = model?.Program ?? Paced(device, what);
        var clients = Enumerable.Range(0, what.Clients).Select(i => new SaturatingClient(device, program, i)).ToArray();
        var samples = new Sample[what.Samples];
        long allocated = 0;
        var submitter =
            new Thread(() => allocated = Submit(device, realTime, urgent, what, samples)) { Name = "submitter" };
        using var collector = what.ForcesGc ? new Timer(_ => GC.Collect(), null, 100, 100) : null;
        submitter.Start();
        submitter.Join();
        Array.ForEach(clients, client => client.Stop());
        return Measurement.Of(samples, device.Statistics, allocated / what.Samples, program.Kernels.Length);
    }

    private Devices.Program Paced(CpuDevice device, PreemptCase what) => device.Load("client",
        [.. Enumerable.Range(0, what.Queue)
            .Select(k => new PacedKernel($"k{k}", 2 * what.Units, what.BlockUs, clock))]);

    private long Submit(CpuDevice device, DeviceStream stream, Launch launch, PreemptCase what, Sample[] samples)
    {
        var cpus = ThreadScheduling.AllowedCpus();
        ThreadScheduling.TryPin(cpus[0]);
        ThreadScheduling.UsePreciseTimers();
        if (what.Rights == "full")
        {
            ThreadScheduling.TryFifo(50);
        }

        var mayUseCpu = what.Units < cpus.Count;
        var random = new Random(seed);
        var warmup = Math.Min(100, samples.Length);
        long before = 0;
        for (var i = -warmup; i < samples.Length; i++)
        {
            if (i == 0)
            {
                device.Statistics.Clear();
                before = GC.GetAllocatedBytesForCurrentThread();
            }

            PassTime(device, 300 + random.Next(200), mayUseCpu);
            var collections = GC.CollectionCount(0);
            stream.Submit(launch);
            Await(launch, mayUseCpu);
            samples[Math.Max(0, i)] = new Sample(device.MicrosecondsBetween(launch.SubmittedAt, launch.SpreadAt),
                what.ForcesGc && GC.CollectionCount(0) != collections);
        }

        return GC.GetAllocatedBytesForCurrentThread() - before;
    }

    // With a CPU of its own the submitter spins, so that waking it is no part of what is measured.
    private void PassTime(CpuDevice device, int microseconds, bool mayUseCpu)
    {
        if (!mayUseCpu)
        {
            ThreadScheduling.SleepPrecisely(TimeSpan.FromMicroseconds(microseconds));
            return;
        }

        // A thread that never sleeps under SCHED_FIFO is stopped for 50 ms of each second.
        device.Hint(TimeSpan.FromMicroseconds(microseconds + 100));
        var until = clock.GetTimestamp() + (microseconds * clock.TimestampFrequency / 1_000_000);
        ThreadScheduling.SleepPrecisely(TimeSpan.FromMicroseconds(microseconds / 2));
        while (clock.GetTimestamp() < until)
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

    private readonly record struct Sample(double Microseconds, bool HadGc);

    private sealed record Measurement(
        double[] Clean, double[] Collected, PreemptionStatistics Statistics, long AllocatedBytesPerLaunch, int Kernels)
    {
        public static Measurement Of(
            Sample[] samples, PreemptionStatistics statistics, long allocated, int kernels) => new(
            [.. samples.Where(s => !s.HadGc).Select(s => s.Microseconds).Order()],
            [.. samples.Where(s => s.HadGc).Select(s => s.Microseconds).Order()],
            statistics, allocated, kernels);
    }

    /// <summary>
    /// A client that resubmits its launch as soon as it ends, always with one more launch queued behind.
    /// </summary>
    private sealed class SaturatingClient
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

        public void Stop()
        {
            _stops = true;
            Array.ForEach(_launches, launch => launch.Cancel());
            Array.ForEach(_launches, launch => launch.Wait());
        }

        private void Again(Launch launch)
        {
            if (!_stops)
            {
                _stream.Submit(launch);
            }
        }
    }
}
