using Atoll.Devices;

namespace Atoll.Serving;

/// <summary>The same counts under the names that dashboards made for Triton read.</summary>
internal static class TritonMetrics
{
    private static readonly (string Reason, InferenceStatus[] Statuses)[] Failures =
    [
        ("REJECTED", [InferenceStatus.QueueFull, InferenceStatus.Late, InferenceStatus.NotAdmitted]),
        ("CANCELED", [InferenceStatus.Cancelled]),
        ("BACKEND", [InferenceStatus.Failed]),
        ("OTHER", [InferenceStatus.Rejected]),
    ];

    private static readonly (string Name, string Help, Func<StatisticsSnapshot, double> Value)[] Counters =
    [
        ("nv_inference_request_success", "Successful inference requests.", sums => sums.Success.Count),
        ("nv_inference_count", "Items inferred.", sums => sums.InferenceCount),
        ("nv_inference_exec_count", "Executions on the device.", sums => sums.ExecutionCount),
        ("nv_inference_request_duration_us", "Successful requests, in all.", sums => Microseconds(sums.Success)),
        ("nv_inference_queue_duration_us", "Waiting, in all.", sums => Microseconds(sums.Queue)),
        ("nv_inference_compute_input_duration_us", "Copying inputs, in all.", sums => Microseconds(sums.Input)),
        ("nv_inference_compute_infer_duration_us", "Computing, in all.", sums => Microseconds(sums.Infer)),
        ("nv_inference_compute_output_duration_us", "Writing outputs, in all.", sums => Microseconds(sums.Output)),
    ];

    public static void Write(PrometheusText text, ModelEntry[] entries)
    {
        var snapshots = Array.ConvertAll(entries, entry => (Labels: LabelsOf(entry), entry.Statistics.Snapshot()));
        foreach (var (name, help, value) in Counters)
        {
            text.Describe(name, "counter", help);
            foreach (var (labels, sums) in snapshots)
            {
                text.Sample(name, labels, value(sums));
            }
        }

        WriteFailures(text, entries);
        text.Describe("nv_inference_pending_request_count", "gauge", "Requests that wait to be executed.");
        foreach (var entry in entries)
        {
            text.Sample("nv_inference_pending_request_count", LabelsOf(entry),
                entry.Queue(WorkClass.RealTime).Depth + entry.Queue(WorkClass.BestEffort).Depth);
        }
    }

    private static void WriteFailures(PrometheusText text, ModelEntry[] entries)
    {
        text.Describe("nv_inference_request_failure", "counter", "Failed inference requests by reason.");
        foreach (var entry in entries)
        {
            foreach (var (reason, statuses) in Failures)
            {
                text.Sample("nv_inference_request_failure",
                    $"{LabelsOf(entry)},{PrometheusText.Labels(("reason", reason))}",
                    statuses.Sum(status => entry.Metrics.Of(WorkClass.RealTime).Count(status) +
                        entry.Metrics.Of(WorkClass.BestEffort).Count(status)));
            }
        }
    }

    private static double Microseconds(DurationSum sum) => sum.Nanoseconds / 1000.0;

    private static string LabelsOf(ModelEntry entry) =>
        PrometheusText.Labels(("model", entry.Name), ("version", entry.Version));
}
