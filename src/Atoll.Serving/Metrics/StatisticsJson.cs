using System.Text.Json;

namespace Atoll.Serving;

/// <summary>Writes the statistics extension's answer.</summary>
internal static class StatisticsJson
{
    public static void Write(Utf8JsonWriter json, IEnumerable<ModelEntry> entries)
    {
        json.WriteStartArray("model_stats"u8);
        foreach (var entry in entries)
        {
            WriteModel(json, entry);
        }

        json.WriteEndArray();
    }

    private static void WriteModel(Utf8JsonWriter json, ModelEntry entry)
    {
        var sums = entry.Statistics.Snapshot();
        json.WriteStartObject();
        json.WriteString("name"u8, entry.Name);
        json.WriteString("version"u8, entry.Version);
        json.WriteNumber("last_inference"u8, sums.LastInference);
        json.WriteNumber("inference_count"u8, sums.InferenceCount);
        json.WriteNumber("execution_count"u8, sums.ExecutionCount);
        json.WriteStartObject("inference_stats"u8);
        WriteSum(json, "success"u8, sums.Success);
        WriteSum(json, "fail"u8, sums.Fail);
        WriteSum(json, "queue"u8, sums.Queue);
        WriteSum(json, "compute_input"u8, sums.Input);
        WriteSum(json, "compute_infer"u8, sums.Infer);
        WriteSum(json, "compute_output"u8, sums.Output);
        WriteSum(json, "cache_hit"u8, default);
        WriteSum(json, "cache_miss"u8, default);
        json.WriteEndObject();
        WriteResponses(json, sums.Responses);
        WriteBatches(json, sums.Batches);
        WriteMemory(json, entry.Model?.MemoryBytes ?? 0);
        json.WriteEndObject();
    }

    private static void WriteBatches(Utf8JsonWriter json, IReadOnlyList<(int BatchSize, BatchSums Sums)> batches)
    {
        json.WriteStartArray("batch_stats"u8);
        foreach (var (size, sums) in batches)
        {
            json.WriteStartObject();
            json.WriteNumber("batch_size"u8, size);
            WriteSum(json, "compute_input"u8, sums.Input);
            WriteSum(json, "compute_infer"u8, sums.Infer);
            WriteSum(json, "compute_output"u8, sums.Output);
            json.WriteEndObject();
        }

        json.WriteEndArray();
    }

    private static void WriteResponses(Utf8JsonWriter json, IReadOnlyList<(int Index, ResponseSums Sums)> responses)
    {
        json.WriteStartObject("response_stats"u8);
        foreach (var (index, sums) in responses)
        {
            json.WriteStartObject($"{index}");
            WriteSum(json, "compute_infer"u8, sums.Infer);
            WriteSum(json, "compute_output"u8, sums.Output);
            WriteSum(json, "success"u8, sums.Success);
            WriteSum(json, "fail"u8, sums.Fail);
            WriteSum(json, "empty_response"u8, sums.Empty);
            WriteSum(json, "cancel"u8, sums.Cancel);
            json.WriteEndObject();
        }

        json.WriteEndObject();
    }

    private static void WriteMemory(Utf8JsonWriter json, long bytes)
    {
        json.WriteStartArray("memory_usage"u8);
        json.WriteStartObject();
        json.WriteString("type"u8, "CPU"u8);
        json.WriteNumber("id"u8, 0);
        json.WriteNumber("byte_size"u8, bytes);
        json.WriteEndObject();
        json.WriteEndArray();
    }

    private static void WriteSum(Utf8JsonWriter json, ReadOnlySpan<byte> name, DurationSum sum)
    {
        json.WriteStartObject(name);
        json.WriteNumber("count"u8, sum.Count);
        json.WriteNumber("ns"u8, sum.Nanoseconds);
        json.WriteEndObject();
    }
}
