using System.Text.Json;
using Atoll.Devices;

namespace Atoll.Serving;

/// <summary>What happened to the requests of one model, by class. Lock-free apart from the recent latencies.</summary>
internal sealed class ModelMetrics
{
    private readonly ClassMetrics[] _classes = [new(), new()];

    public ClassMetrics Of(WorkClass workClass) => _classes[(int)workClass];

    internal sealed class ClassMetrics
    {
        public static readonly InferenceStatus[] Outcomes = Enum.GetValues<InferenceStatus>();

        private static readonly string[] Names =
            [.. Outcomes.Select(outcome => JsonNamingPolicy.SnakeCaseLower.ConvertName(outcome.ToString()))];

        private readonly long[] _outcomes = new long[Outcomes.Length];

        public LatencyHistogram Total { get; } = new();

        public LatencyHistogram Queue { get; } = new();

        public LatencyHistogram Execution { get; } = new();

        public RecentLatencies Recent { get; } = new();

        public static string NameOf(InferenceStatus outcome) => Names[(int)outcome];

        public long Count(InferenceStatus status) => Interlocked.Read(ref _outcomes[(int)status]);

        /// <summary>Counts one ended request; times are of use only for completed ones.</summary>
        public void Add(InferenceStatus status, TimeSpan queued, TimeSpan total)
        {
            Interlocked.Increment(ref _outcomes[(int)status]);
            if (status == InferenceStatus.Completed)
            {
                Total.Record(Nanoseconds(total));
                Queue.Record(Nanoseconds(queued));
                Execution.Record(Nanoseconds(total - queued));
                Recent.Add(total);
            }
        }

        private static long Nanoseconds(TimeSpan time) => time.Ticks * TimeSpan.NanosecondsPerTick;
    }
}
