using System.Text.Json;

namespace Atoll.Serving;

/// <summary>Reads `parameters` objects. Names that would change the result and are not supported are refused.</summary>
internal static class ParameterReader
{
    /// <summary>Longest timeout: a day in microseconds.</summary>
    private const long MaxTimeoutUs = 86_400_000_000;

    public static void ReadRequest(ref Utf8JsonReader json, ref RequestParameters parameters)
    {
        JsonValues.Expect(ref json, JsonTokenType.StartObject, "'parameters' must be an object");
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
            else
            {
                Refuse(json.GetString()!, "sequence_id", "sequence_start", "sequence_end");
                json.Read();
                json.Skip();
            }
        }
    }

    /// <summary>The parameters of an input: null when its data is in the JSON.</summary>
    public static long? ReadBinarySize(ref Utf8JsonReader json)
    {
        JsonValues.Expect(ref json, JsonTokenType.StartObject, "'parameters' of an input must be an object");
        long? size = null;
        while (json.Read() && json.TokenType == JsonTokenType.PropertyName)
        {
            if (json.ValueTextEquals("binary_data_size"u8))
            {
                size = JsonValues.Whole(ref json, "parameter 'binary_data_size'", int.MaxValue);
            }
            else
            {
                Refuse(json.GetString()!, "shared_memory_region");
                json.Read();
                json.Skip();
            }
        }

        return size;
    }

    /// <summary>The parameters of an output: null when they do not say whether it is binary.</summary>
    public static bool? ReadOutput(ref Utf8JsonReader json)
    {
        JsonValues.Expect(ref json, JsonTokenType.StartObject, "'parameters' of an output must be an object");
        bool? binary = null;
        while (json.Read() && json.TokenType == JsonTokenType.PropertyName)
        {
            if (json.ValueTextEquals("binary_data"u8))
            {
                binary = JsonValues.Flag(ref json, "parameter 'binary_data'");
            }
            else
            {
                Refuse(json.GetString()!, "classification", "shared_memory_region");
                json.Read();
                json.Skip();
            }
        }

        return binary;
    }

    private static void Refuse(string name, params ReadOnlySpan<string> unsupported)
    {
        if (unsupported.Contains(name))
        {
            throw RequestException.BadRequest($"parameter '{name}' is not supported by this server");
        }
    }
}
