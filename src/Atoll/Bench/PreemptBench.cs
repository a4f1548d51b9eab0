namespace Atoll;

/// <summary>
/// Measures preemption: best-effort clients keep the device saturated with queued kernels while a thread that is no
/// compute unit submits a two-kernel real-time program every 300 to 500 us (REEF's experiment). Latency = entry of
/// Submit until every block that can start at once has started, every sample counted.
/// </summary>
internal sealed class PreemptBench(TimeProvider clock, int seed)
{
    // The machine's speed drifts over seconds: every case is measured in several rounds, so that drift hits all alike.
    private const int Rounds = 8;

    private const int SamplesMin = 25;

    public IReadOnlyList<PreemptRow> Run(IReadOnlyList<PreemptCase> cases, Action<int> progress)
    {
        var measured = cases.Select(_ => new Phases([], [])).ToArray();
        for (var round = 0; round < Rounds; round++)
        {
            for (var index = 0; index < cases.Count; index++)
            {
                // A model is loaded once, so its rounds follow one another.
                if (cases[index].Model is null || round == 0)
                {
                    Measure(cases[index], measured[index]);
                    progress((round * cases.Count) + index + 1);
                }
            }
        }

        return [.. cases.Select((what, index) => Row(what, measured[index]))];
    }

    private void Measure(PreemptCase what, Phases phases)
    {
        using var subject = new PreemptSubject(what, clock, seed);
        var samples = Math.Max(SamplesMin, what.Samples / Rounds);
        for (var round = 0; round < (what.Model is null ? 1 : Rounds); round++)
        {
            phases.Control.Add(subject.MeasureAlone(what.Model is null ? Math.Max(SamplesMin, samples / 2) : samples));
            phases.Loaded.Add(subject.MeasureLoaded(samples));
        }

        phases.Kernels = subject.Kernels;
    }

    private static PreemptRow Row(PreemptCase what, Phases phases)
    {
        var (loaded, control) = phases;
        double[] clean = [.. loaded.SelectMany(m => m.Clean).Order()];
        double[] collected = [.. loaded.SelectMany(m => m.Collected).Order()];
        double[] idle = [.. control.SelectMany(m => m.Clean).Order()];
        return new PreemptRow
        {
            Mode = what.Mode,
            Model = what.Model,
            Queue = phases.Kernels,
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
            RepeatedBlocks = loaded.Sum(m => m.Repeated),
            StoppedBlocks = loaded.Sum(m => m.Stopped),
            DroppedKernels = loaded.Sum(m => m.Dropped),
            EvictedKernels = loaded.Sum(m => m.Evicted),
            StagesP50Us = Medians(loaded.Select(m => m.StagesP50)),
            StagesP99Us = Medians(loaded.Select(m => m.StagesP99)),
            AllocatedBytesPerLaunch = loaded.Max(m => m.AllocatedBytesPerLaunch),
            GcSamples = collected.Length,
            GcP99Us = Percentiles.Of(collected, 0.99),
            GcMaxUs = Percentiles.Of(collected, 1),
        };
    }

    private static PreemptStages Medians(IEnumerable<PreemptStages> phases)
    {
        double Median(Func<PreemptStages, double> stage) => Math.Round(Percentiles.Median(phases.Select(stage)), 3);
        return new PreemptStages(Median(s => s.Flag), Median(s => s.Running), Median(s => s.Idle),
            Median(s => s.DeviceQueue), Median(s => s.HostQueue));
    }

    private sealed record Phases(List<PreemptMeasurement> Loaded, List<PreemptMeasurement> Control)
    {
        public int Kernels { get; set; }
    }
}
