using System.Text.Json;
using Microsoft.AspNetCore.Http;

namespace Atoll.Serving;

/// <summary>What the page reads: GET /api/serving/sessions and GET /api/serving/devices, as JSON.</summary>
internal static class SessionEndpoints
{
    public static Task SessionsAsync(HttpContext context, SessionDirector? director)
    {
        var status = director?.Status;
        return Answer.JsonAsync(context, 200, json =>
        {
            Array(json, "sessions"u8, status?.Sessions ?? [], Write);
            json.WriteString("rates"u8, "rows per second"u8);
            Array(json, "queries"u8, status?.Queries ?? [], Write);
        });
    }

    public static Task DevicesAsync(HttpContext context, SessionDirector? director)
    {
        var status = director?.Status;
        return Answer.JsonAsync(context, 200, json =>
        {
            Array(json, "devices"u8, status?.Devices ?? [], Write);
            json.WriteStartArray("plan"u8);
            foreach (var line in director?.Plan.Explanation ?? [])
            {
                json.WriteStringValue(line);
            }

            json.WriteEndArray();
        });
    }

    private static void Write(Utf8JsonWriter json, SessionStatus session)
    {
        json.WriteString("session"u8, session.Name);
        json.WriteString("model"u8, session.Model);
        json.WriteString("class"u8, MetricsPage.NameOf(session.Class));
        Milliseconds(json, "objective_ms"u8, session.Objective);
        json.WriteNumber("expected_rate"u8, session.ExpectedRate);
        json.WriteNumber("rate"u8, Math.Round(session.Rate, 3));
        json.WriteNumber("goodput"u8, Math.Round(session.Goodput, 3));
        Write(json, session.Counts);
        json.WriteNumber("waiting"u8, session.Depth);
        json.WriteStartObject("batches"u8);
        foreach (var (rows, count) in session.Batches)
        {
            json.WriteNumber($"{rows}", count);
        }

        json.WriteEndObject();
        Array(json, "devices"u8, session.Seats, Write);
        json.WriteString("shortage"u8, session.Shortage);
        json.WriteString("batch_limit"u8, session.BatchLimit);
        json.WriteString("prefix"u8, session.Prefix);
    }

    private static void Write(Utf8JsonWriter json, CountStatus counts)
    {
        json.WriteNumber("arrived"u8, counts.Arrived);
        json.WriteNumber("good"u8, counts.Good);
        json.WriteNumber("late"u8, counts.Late);
        json.WriteNumber("dropped"u8, counts.Dropped);
        json.WriteNumber("deferred"u8, counts.Deferred);
        json.WriteNumber("refused"u8, counts.Refused);
        json.WriteNumber("cancelled"u8, counts.Cancelled);
        json.WriteNumber("failed"u8, counts.Failed);
    }

    private static void Write(Utf8JsonWriter json, SeatStatus seat)
    {
        json.WriteString("device"u8, seat.Device);
        json.WriteString("session"u8, seat.Session);
        json.WriteNumber("batch"u8, seat.Batch);
        json.WriteNumber("rate"u8, Math.Round(seat.Rate, 3));
        Milliseconds(json, "execution_ms"u8, seat.Execution);
        Milliseconds(json, "worst_ms"u8, seat.WorstLatency);
        json.WriteString("why"u8, seat.Why);
    }

    private static void Write(Utf8JsonWriter json, DeviceStatus device)
    {
        json.WriteString("device"u8, device.Name);
        json.WriteNumber("memory_bytes"u8, device.MemoryBytes);
        json.WriteNumber("memory_in_use_bytes"u8, device.MemoryInUseBytes);
        json.WriteNumber("busy_seconds"u8, Math.Round(device.Busy.TotalSeconds, 6));
        json.WriteNumber("evictions"u8, device.Evictions);
        json.WriteNumber("occupancy"u8, Math.Round(device.Occupancy, 4));
        Milliseconds(json, "cycle_ms"u8, device.Cycle);
        Array(json, "sessions"u8, device.Seats, Write);
        Array(json, "models"u8, device.Profiles, Write);
    }

    private static void Write(Utf8JsonWriter json, BatchProfile profile)
    {
        json.WriteString("model"u8, profile.Model);
        Array(json, "profile"u8, profile.Points, (writer, point) =>
        {
            writer.WriteNumber("batch"u8, point.Batch);
            Milliseconds(writer, "mean_ms"u8, point.Mean);
            Milliseconds(writer, "deviation_ms"u8, point.Deviation);
        });
    }

    private static void Write(Utf8JsonWriter json, QueryStatus query)
    {
        json.WriteString("query"u8, query.Name);
        Milliseconds(json, "objective_ms"u8, query.Objective);
        Write(json, query.Counts);
        Array(json, "stages"u8, query.Stages, (writer, stage) =>
        {
            writer.WriteString("stage"u8, stage.Stage);
            writer.WriteString("model"u8, stage.Model);
            writer.WriteString("session"u8, stage.Session);
            Milliseconds(writer, "budget_ms"u8, stage.Budget);
            writer.WriteStartArray("before"u8);
            foreach (var before in stage.Before)
            {
                writer.WriteStringValue(before);
            }

            writer.WriteEndArray();
        });
    }

    private static void Array<T>(
        Utf8JsonWriter json, ReadOnlySpan<byte> name, IReadOnlyList<T> items, Action<Utf8JsonWriter, T> write)
    {
        json.WriteStartArray(name);
        foreach (var item in items)
        {
            json.WriteStartObject();
            write(json, item);
            json.WriteEndObject();
        }

        json.WriteEndArray();
    }

    private static void Milliseconds(Utf8JsonWriter json, ReadOnlySpan<byte> name, TimeSpan? time)
    {
        if (time is { } value)
        {
            json.WriteNumber(name, Math.Round(value.TotalMilliseconds, 4));
        }
        else
        {
            json.WriteNull(name);
        }
    }
}
