using System.Text.Json;

namespace Atoll.Serving;

/// <summary>Reads `parameters` objects. Names that no extension knows are handed on to the model.</summary>
internal static class ParameterReader
{
    /// <summary>Longest timeout: a day in microseconds.</summary>
    private const long MaxTimeoutUs = 86_400_000_000;

    private const int MostCustom = 64;

    /// <summary>Most classes that one output is answered with.</summary>
    private const int MostClasses = 1 << 20;

    public static void ReadRequest(ref Utf8JsonReader json, ref RequestParameters parameters)
    {
        JsonValues.Expect(ref json, JsonTokenType.StartObject, "'parameters' must be an object");
        var (number, text, start, end) = (0UL, "", false, false);
        while (json.Read() && json.TokenType == JsonTokenType.PropertyName)
        {
            if (json.ValueTextEquals("priority"u8))
            {
                parameters.Priority = (int)JsonValues.Whole(
                    ref json, "parameter 'priority'", ModelConfiguration.MaxPriority);
            }
            else if (json.ValueTextEquals("timeout"u8))
            {
                parameters.TimeoutUs = JsonValues.Whole(ref json, "parameter 'timeout' (microseconds)", MaxTimeoutUs);
            }
            else if (json.ValueTextEquals("slo_us"u8))
            {
                parameters.ObjectiveUs = JsonValues.Whole(ref json, "parameter 'slo_us' (microseconds)", MaxTimeoutUs);
            }
            else if (json.ValueTextEquals("binary_data_output"u8))
            {
                parameters.BinaryOutputs = JsonValues.Flag(ref json, "parameter 'binary_data_output'");
            }
            else if (json.ValueTextEquals("sequence_id"u8))
            {
                (number, text) = SequenceId(ref json);
            }
            else if (json.ValueTextEquals("sequence_start"u8))
            {
                start = JsonValues.Flag(ref json, "parameter 'sequence_start'");
            }
            else if (json.ValueTextEquals("sequence_end"u8))
            {
                end = JsonValues.Flag(ref json, "parameter 'sequence_end'");
            }
            else
            {
                ReadCustom(ref json, ref parameters);
            }
        }

        parameters.Sequence = new SequenceStep(number, text, start, end);
    }

    public static InputParameters ReadInput(ref Utf8JsonReader json, SharedMemoryRegions? regions)
    {
        JsonValues.Expect(ref json, JsonTokenType.StartObject, "'parameters' of an input must be an object");
        var parameters = new InputParameters();
        var region = new RegionDraft();
        while (json.Read() && json.TokenType == JsonTokenType.PropertyName)
        {
            if (json.ValueTextEquals("binary_data_size"u8))
            {
                parameters.BinarySize = JsonValues.Whole(ref json, "parameter 'binary_data_size'", int.MaxValue);
            }
            else if (!region.TryRead(ref json))
            {
                json.Read();
                json.Skip();
            }
        }

        parameters.Region = region.Resolve(regions);
        return parameters;
    }

    public static OutputParameters ReadOutput(ref Utf8JsonReader json, SharedMemoryRegions? regions)
    {
        JsonValues.Expect(ref json, JsonTokenType.StartObject, "'parameters' of an output must be an object");
        var parameters = new OutputParameters();
        var region = new RegionDraft();
        while (json.Read() && json.TokenType == JsonTokenType.PropertyName)
        {
            if (json.ValueTextEquals("binary_data"u8))
            {
                parameters.Binary = JsonValues.Flag(ref json, "parameter 'binary_data'");
            }
            else if (json.ValueTextEquals("classification"u8))
            {
                parameters.Classes = (int)JsonValues.Whole(ref json, "parameter 'classification'", MostClasses);
            }
            else if (!region.TryRead(ref json))
            {
                json.Read();
                json.Skip();
            }
        }

        parameters.Region = region.Resolve(regions);
        return parameters;
    }

    private static (ulong Number, string Text) SequenceId(ref Utf8JsonReader json)
    {
        json.Read();
        return json.TokenType switch
        {
            JsonTokenType.String when json.ValueSpan.Length <= 1024 => (0, json.GetString()!),
            JsonTokenType.Number when json.TryGetUInt64(out var number) => (number, ""),
            _ => throw RequestException.BadRequest(
                "parameter 'sequence_id' must be a whole number of 64 bits or a string of at most 1024 bytes"),
        };
    }

    private static void ReadCustom(ref Utf8JsonReader json, ref RequestParameters parameters)
    {
        var name = json.GetString()!;
        if (name.StartsWith("triton_", StringComparison.Ordinal))
        {
            throw RequestException.BadRequest($"parameter '{name}': names that start with 'triton_' are reserved");
        }

        json.Read();
        object? value = json.TokenType switch
        {
            JsonTokenType.String => json.GetString(),
            JsonTokenType.True => true,
            JsonTokenType.False => false,
            JsonTokenType.Number when json.TryGetInt64(out var whole) => whole,
            JsonTokenType.Number when json.TryGetDouble(out var number) => number,
            _ => null,
        };
        if (value is null)
        {
            json.Skip();
            return;
        }

        parameters.Custom ??= [];
        if (parameters.Custom.Count >= MostCustom && !parameters.Custom.ContainsKey(name))
        {
            throw RequestException.BadRequest($"a request may have at most {MostCustom} parameters of its own");
        }

        parameters.Custom[name] = value;
    }

    /// <summary>The three parameters that name a part of a shared memory region.</summary>
    private ref struct RegionDraft
    {
        private string? _name;
        private long _offset;
        private long? _bytes;

        public bool TryRead(ref Utf8JsonReader json)
        {
            if (json.ValueTextEquals("shared_memory_region"u8))
            {
                _name = JsonValues.Text(ref json, "parameter 'shared_memory_region'");
            }
            else if (json.ValueTextEquals("shared_memory_offset"u8))
            {
                _offset = JsonValues.Whole(ref json, "parameter 'shared_memory_offset'", long.MaxValue);
            }
            else if (json.ValueTextEquals("shared_memory_byte_size"u8))
            {
                _bytes = JsonValues.Whole(ref json, "parameter 'shared_memory_byte_size'", int.MaxValue);
            }
            else
            {
                return false;
            }

            return true;
        }

        public readonly SharedMemorySlice? Resolve(SharedMemoryRegions? regions)
        {
            if (_name is null)
            {
                return _bytes is null ? null : throw RequestException.BadRequest(
                    "parameter 'shared_memory_byte_size' needs 'shared_memory_region' beside it");
            }

            var bytes = _bytes ?? throw RequestException.BadRequest(
                "parameter 'shared_memory_region' needs 'shared_memory_byte_size' beside it");
            return regions is null
                ? throw RequestException.BadRequest("shared memory is not offered to this request")
                : regions.Slice(_name, _offset, bytes);
        }
    }
}
