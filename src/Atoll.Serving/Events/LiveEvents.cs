using System.Text.Json;
using Atoll.Devices;
using Microsoft.AspNetCore.Http;

namespace Atoll.Serving;

/// <summary>
/// GET /api/serving/events: ten server-sent events a second with what ran on each compute unit since the last,
/// preemptions and per-model latencies. Bounded in clients; ends with the client or the server.
/// </summary>
internal sealed class LiveEvents(
    ModelRepository repository, IDeviceMonitor? monitor, TimeProvider clock, int maxClients)
{
    private static readonly TimeSpan Period = TimeSpan.FromMilliseconds(100);

    private readonly long _origin = clock.GetTimestamp();
    private int _clients;

    public async Task HandleAsync(HttpContext context, CancellationToken draining)
    {
        if (Interlocked.Increment(ref _clients) > maxClients)
        {
            Interlocked.Decrement(ref _clients);
            throw new RequestException(503,
                $"{maxClients} live pages are open already (setting serving.max_event_clients)");
        }

        try
        {
            using var ended = CancellationTokenSource.CreateLinkedTokenSource(context.RequestAborted, draining);
            await StreamAsync(context, ended.Token);
        }
        catch (OperationCanceledException)
        {
            // The page was closed or the server stops: the stream just ends.
        }
        finally
        {
            Interlocked.Decrement(ref _clients);
        }
    }

    private async Task StreamAsync(HttpContext context, CancellationToken ended)
    {
        context.Response.ContentType = "text/event-stream";
        context.Response.Headers.CacheControl = "no-store";
        var since = clock.GetTimestamp();
        using var timer = new PeriodicTimer(Period, clock);
        do
        {
            since = WriteEvent(context, since);
            await context.Response.BodyWriter.FlushAsync(ended);
        }
        while (await timer.WaitForNextTickAsync(ended));
    }

    private long WriteEvent(HttpContext context, long since)
    {
        var now = clock.GetTimestamp();
        var body = context.Response.BodyWriter;
        "data: "u8.CopyTo(body.GetSpan(6));
        body.Advance(6);
        using (var json = new Utf8JsonWriter(body))
        {
            json.WriteStartObject();
            json.WriteNumber("now_us"u8, MicrosecondsOf(now));
            if (monitor is not null)
            {
                WriteDevice(json, monitor, since);
            }

            WriteModels(json);
            json.WriteEndObject();
        }

        "\n\n"u8.CopyTo(body.GetSpan(2));
        body.Advance(2);
        return now;
    }

    private void WriteDevice(Utf8JsonWriter json, IDeviceMonitor device, long since)
    {
        json.WriteNumber("units"u8, device.Device.Units);
        json.WriteString("mode"u8, device.Device.Mode.ToString());
        json.WriteStartArray("timeline"u8);
        foreach (var bar in TimelineBars.Merge(device.Timeline(since), clock.TimestampFrequency / 10_000))
        {
            json.WriteStartObject();
            json.WriteNumber("unit"u8, bar.Unit);
            json.WriteNumber("start_us"u8, MicrosecondsOf(bar.Start));
            json.WriteNumber("end_us"u8, MicrosecondsOf(bar.End));
            json.WriteString("class"u8, MetricsPage.NameOf(bar.Class));
            json.WriteNumber("stream"u8, bar.Stream);
            json.WriteEndObject();
        }

        json.WriteEndArray();
        WritePreemptions(json, device.Statistics);
    }

    private static void WritePreemptions(Utf8JsonWriter json, PreemptionStatistics statistics)
    {
        json.WriteStartObject("preemptions"u8);
        json.WriteNumber("count"u8, statistics.Preemptions);
        json.WriteNumber("repeated"u8, statistics.Repeated);
        json.WriteNumber("p50_us"u8, Math.Round(statistics.Total.Quantile(0.5) / 1000, 2));
        json.WriteNumber("p99_us"u8, Math.Round(statistics.Total.Quantile(0.99) / 1000, 2));
        json.WriteNumber("max_us"u8, Math.Round(statistics.Total.MaxNanoseconds / 1000.0, 2));
        json.WriteEndObject();
    }

    private void WriteModels(Utf8JsonWriter json)
    {
        json.WriteStartArray("models"u8);
        foreach (var entry in repository.Entries)
        {
            json.WriteStartObject();
            json.WriteString("name"u8, entry.Name);
            json.WriteString("version"u8, entry.Version);
            json.WriteString("state"u8, entry.State.ToString());
            json.WriteString("reason"u8, entry.Reason);
            if (entry.State == ModelState.Ready)
            {
                json.WriteString("default_class"u8, MetricsPage.NameOf(entry.Configuration.Class));
                WriteClass(json, "real_time"u8, entry, WorkClass.RealTime);
                WriteClass(json, "best_effort"u8, entry, WorkClass.BestEffort);
            }

            json.WriteEndObject();
        }

        json.WriteEndArray();
    }

    private static void WriteClass(Utf8JsonWriter json, ReadOnlySpan<byte> name, ModelEntry entry, WorkClass workClass)
    {
        var metrics = entry.Metrics.Of(workClass);
        var (p50, p99, _) = metrics.Recent.Percentiles();
        json.WriteStartObject(name);
        json.WriteNumber("completed"u8, metrics.Count(InferenceStatus.Completed));
        json.WriteNumber("refused"u8, metrics.Count(InferenceStatus.QueueFull));
        json.WriteNumber("late"u8, metrics.Count(InferenceStatus.Late));
        json.WriteNumber("waiting"u8, entry.Queue(workClass).Depth);
        json.WriteNumber("running"u8, entry.Queue(workClass).InFlight);
        json.WriteNumber("p50_ms"u8, MathF.Round(p50, 3));
        json.WriteNumber("p99_ms"u8, MathF.Round(p99, 3));
        json.WriteEndObject();
    }

    private long MicrosecondsOf(long timestamp) =>
        (long)(clock.GetElapsedTime(_origin, timestamp).TotalMicroseconds);
}
