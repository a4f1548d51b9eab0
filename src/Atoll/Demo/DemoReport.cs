using System.Text.Json.Serialization;

namespace Atoll;

/// <summary>Everything that `atoll demo` measured; its JSON form has the same names in snake_case.</summary>
internal sealed record DemoReport
{
    public required string Machine { get; init; }

    public required int Units { get; init; }

    /// <summary>What the operating system lets the device's threads do: full or plain.</summary>
    public required string SchedulingRights { get; init; }

    public required double PhaseSeconds { get; init; }

    /// <summary>The whole demo, from its start until the table.</summary>
    public required double TotalSeconds { get; init; }

    public required IReadOnlyList<DemoModel> Models { get; init; }

    /// <summary>Real-time clients without other work, both runs together.</summary>
    public required DemoRow RealTimeAlone { get; init; }

    /// <summary>Change of the real-time mean between the run alone at the start and the one at the end.</summary>
    public required double NoiseMeanIncrease { get; init; }

    /// <summary>Best-effort clients without other work, answers per second.</summary>
    public required double BeAloneRps { get; init; }

    /// <summary>One row for each way of sharing the device.</summary>
    public required IReadOnlyList<DemoRow> Rows { get; init; }

    /// <summary>Drawn digits that were sent in all phases, and those recognised right.</summary>
    public int DigitsDrawn { get; init; }

    public int DigitsRecognised { get; init; }

    /// <summary>All answers, and those that differed from the first answer to the same input.</summary>
    public long Answers { get; init; }

    public long AnswersChanged { get; init; }
}

/// <summary>A model that the demo serves.</summary>
internal sealed record DemoModel(string Model, double Width, double FileMb, IReadOnlyList<string> Classes);

/// <summary>What the clients saw and the device did during one way of sharing.</summary>
internal sealed record DemoRow
{
    /// <summary>The share mode; `alone` for real-time work without other work.</summary>
    public required string Mode { get; init; }

    public required IReadOnlyList<DemoLatency> RealTime { get; init; }

    /// <summary>Best-effort answers per second over all clients.</summary>
    public required double BeRps { get; init; }

    /// <summary>The same as a share of what the best-effort clients get alone.</summary>
    public required double BeShareOfAlone { get; init; }

    public required IReadOnlyDictionary<string, double> BeRpsByModel { get; init; }

    /// <summary>Real-time launches that found best-effort work on the device.</summary>
    public required long Preemptions { get; init; }

    /// <summary>From submit until the last unit that the launch needs; null where nothing is preempted.</summary>
    public required DemoPreemption? PreemptUs { get; init; }

    /// <summary>Best-effort blocks that ran again, and their share of all.</summary>
    public required long RepeatedBlocks { get; init; }

    public required double RepeatedShare { get; init; }
}

/// <summary>Latency that one real-time client saw, in milliseconds, and the frames that it had to skip.</summary>
internal sealed record DemoLatency
{
    public required string Model { get; init; }

    public required int Answers { get; init; }

    public required int Missed { get; init; }

    public required double MeanMs { get; init; }

    public required double P50Ms { get; init; }

    public required double P99Ms { get; init; }
}

/// <summary>Preemption latency by stage.</summary>
internal sealed record DemoPreemption
{
    public required DemoStage Total { get; init; }

    public required DemoStage Flag { get; init; }

    public required DemoStage Running { get; init; }

    public required DemoStage Idle { get; init; }

    public required DemoStage DeviceQueue { get; init; }

    public required DemoStage HostQueue { get; init; }
}

/// <summary>Quantiles of one stage in microseconds over <paramref name="Count"/> launches.</summary>
internal sealed record DemoStage(long Count, double P50, double P99);

/// <summary>The JSON form of the demo's report.</summary>
[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower, WriteIndented = true)]
[JsonSerializable(typeof(DemoReport))]
internal sealed partial class DemoJson : JsonSerializerContext;
