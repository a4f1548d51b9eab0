using System.Globalization;
using Atoll.Devices;
using Atoll.Wire;

namespace Atoll.Serving;

/// <summary>Everything that GET /metrics tells.</summary>
internal sealed class MetricsPage(
    ModelRepository repository, InFlightRequests requests, IDeviceMonitor? monitor, SessionDirector? director)
{
    private readonly long[] _answers = new long[600];
    private readonly long[] _calls = new long[(int)GrpcStatus.Unauthenticated + 1];

    /// <summary>Counts one HTTP answer by its status code.</summary>
    public void CountAnswer(int status) =>
        Interlocked.Increment(ref _answers[int.Clamp(status, 0, _answers.Length - 1)]);

    /// <summary>Counts one gRPC call by the status that it ended with.</summary>
    public void CountCall(GrpcStatus status) => 
        Interlocked.Increment(ref _calls[int.Clamp((int)status, 0, _calls.Length - 1)]);

    public byte[] Render()
    {
        var text = new PrometheusText();
        WriteServer(text);
        ModelEntry[] entries = [.. repository.Entries];
        text.Describe("atoll_model_ready", "gauge", "1 when the model serves, 0 while it loads or when it failed.");
        foreach (var entry in entries)
        {
            text.Sample("atoll_model_ready", LabelsOf(entry), entry.State == ModelState.Ready ? 1 : 0);
        }

        ModelEntry[] ready = [.. entries.Where(entry => entry.State == ModelState.Ready)];
        WriteModels(text, ready);
        TritonMetrics.Write(text, ready);
        if (director is not null)
        {
            SessionMetrics.Write(text, director.Status);
        }

        if (monitor is not null)
        {
            WriteDevice(text, monitor);
        }

        return text.ToUtf8();
    }

    public static string NameOf(WorkClass workClass) => workClass == WorkClass.RealTime ? "real_time" : "best_effort";

    private void WriteServer(PrometheusText text)
    {
        text.Describe("atoll_http_requests_in_flight", "gauge", "HTTP requests in the server, live pages included.");
        text.Sample("atoll_http_requests_in_flight", "", requests.Count);
        text.Describe("atoll_http_responses_total", "counter", "HTTP answers by status code.");
        for (var status = 100; status < _answers.Length; status++)
        {
            if (Interlocked.Read(ref _answers[status]) is > 0 and var count)
            {
                var code = status.ToString(CultureInfo.InvariantCulture);
                text.Sample("atoll_http_responses_total", PrometheusText.Labels(("code", code)), count);
            }
        }

        text.Describe("atoll_grpc_responses_total", "counter", "gRPC calls that ended, by the status's number.");
        for (var status = 0; status < _calls.Length; status++)
        {
            if (Interlocked.Read(ref _calls[status]) is > 0 and var count)
            {
                var code = status.ToString(CultureInfo.InvariantCulture);
                text.Sample("atoll_grpc_responses_total", PrometheusText.Labels(("code", code)), count);
            }
        }
    }

    private static void WriteModels(PrometheusText text, ModelEntry[] entries)
    {
        text.Describe("atoll_inference_requests_total", "counter", "Inference requests by how they ended.");
        ForEachClass(entries, (labels, entry, workClass) =>
        {
            foreach (var outcome in ModelMetrics.ClassMetrics.Outcomes)
            {
                var outcomeLabel = PrometheusText.Labels(("outcome", ModelMetrics.ClassMetrics.NameOf(outcome)));
                text.Sample("atoll_inference_requests_total", $"{labels},{outcomeLabel}",
                    entry.Metrics.Of(workClass).Count(outcome));
            }
        });
        text.Describe("atoll_inference_queue_depth", "gauge", "Requests that wait for an instance.");
        ForEachClass(entries, (labels, entry, workClass) =>
            text.Sample("atoll_inference_queue_depth", labels, entry.Queue(workClass).Depth));
        text.Describe("atoll_inference_in_flight", "gauge", "Requests that hold an instance.");
        ForEachClass(entries, (labels, entry, workClass) =>
            text.Sample("atoll_inference_in_flight", labels, entry.Queue(workClass).InFlight));
        WriteHistogram(text, entries, "atoll_inference_duration_seconds",
            "Arrival of the parsed request to its outputs.", metrics => metrics.Total);
        WriteHistogram(text, entries, "atoll_inference_queue_seconds",
            "Wait for an instance.", metrics => metrics.Queue);
        WriteHistogram(text, entries, "atoll_inference_execution_seconds",
            "From the instance to the outputs, device queues included.", metrics => metrics.Execution);
    }

    private static void WriteHistogram(
        PrometheusText text, ModelEntry[] entries, string name, string help,
        Func<ModelMetrics.ClassMetrics, LatencyHistogram> histogram)
    {
        text.Describe(name, "histogram", help);
        ForEachClass(entries, (labels, entry, workClass) =>
            text.Histogram(name, labels, histogram(entry.Metrics.Of(workClass))));
    }

    private static void WriteDevice(PrometheusText text, IDeviceMonitor monitor)
    {
        text.Describe("atoll_device_units", "gauge", "Compute units of the device.");
        text.Sample("atoll_device_units", "", monitor.Device.Units);
        text.Describe("atoll_device_memory_bytes", "gauge", "Device memory in use.");
        text.Sample("atoll_device_memory_bytes", "", monitor.Device.MemoryInUseBytes);
        text.Describe("atoll_device_busy_seconds_total", "counter", "Unit time by class, over all units.");
        foreach (var workClass in Enum.GetValues<WorkClass>())
        {
            text.Sample("atoll_device_busy_seconds_total",
                PrometheusText.Labels(("class", NameOf(workClass))), monitor.BusySeconds(workClass));
        }

        WritePreemptions(text, monitor.Statistics);
    }

    private static void WritePreemptions(PrometheusText text, PreemptionStatistics statistics)
    {
        Counter("atoll_device_preemptions_total", "Real-time launches that found best-effort work.",
            statistics.Preemptions);
        Counter("atoll_device_kernels_dropped_total", "Kernels held back in host queues.", statistics.Dropped);
        Counter("atoll_device_kernels_evicted_total", "Kernels taken back from device queues.", statistics.Evicted);
        Counter("atoll_device_blocks_stopped_total", "Running blocks stopped at a yield point.", statistics.Stopped);
        Counter("atoll_device_blocks_repeated_total", "Blocks that were run again.", statistics.Repeated);
        const string Name = "atoll_device_preemption_seconds";
        text.Describe(Name, "histogram", "Preemption latency by stage.");
        Stage("flag", statistics.Flag);
        Stage("host_queue", statistics.HostQueue);
        Stage("device_queue", statistics.DeviceQueue);
        Stage("running", statistics.Running);
        Stage("idle", statistics.Idle);
        Stage("total", statistics.Total);

        void Stage(string stage, LatencyHistogram histogram) =>
            text.Histogram(Name, PrometheusText.Labels(("stage", stage)), histogram);

        void Counter(string name, string help, long value)
        {
            text.Describe(name, "counter", help);
            text.Sample(name, "", value);
        }
    }

    private static void ForEachClass(ModelEntry[] entries, Action<string, ModelEntry, WorkClass> write)
    {
        foreach (var entry in entries)
        {
            foreach (var workClass in Enum.GetValues<WorkClass>())
            {
                write($"{LabelsOf(entry)},{PrometheusText.Labels(("class", NameOf(workClass)))}", entry, workClass);
            }
        }
    }

    private static string LabelsOf(ModelEntry entry) =>
        PrometheusText.Labels(("model", entry.Name), ("version", entry.Version));
}
