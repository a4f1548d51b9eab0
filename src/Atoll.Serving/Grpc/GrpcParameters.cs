using System.Buffers;
using System.Text.Json;
using Atoll.Serving.Protobuf;
using Google.Protobuf.Collections;
using Choice = Atoll.Serving.Protobuf.InferParameter.ParameterChoiceOneofCase;

namespace Atoll.Serving;

/// <summary>
/// The parameters of a message as the JSON object that REST has for them, so that one reader knows their names and
/// limits.
/// </summary>
internal static class GrpcParameters
{
    /// <summary>Asks the stream itself to tell the end of a request's answers; the model never sees it.</summary>
    public const string EmptyFinal = "triton_enable_empty_final_response";

    public static ReadOnlySpan<byte> ToJson(MapField<string, InferParameter> parameters)
    {
        if (parameters.Count == 0)
        {
            return "{}"u8;
        }

        var bytes = new ArrayBufferWriter<byte>();
        using (var json = new Utf8JsonWriter(bytes))
        {
            json.WriteStartObject();
            foreach (var (name, value) in parameters)
            {
                if (name != EmptyFinal)
                {
                    json.WritePropertyName(name);
                    Write(json, name, value);
                }
            }

            json.WriteEndObject();
        }

        return bytes.WrittenSpan;
    }

    private static void Write(Utf8JsonWriter json, string name, InferParameter value)
    {
        switch (value.ParameterChoiceCase)
        {
            case Choice.BoolParam:
                json.WriteBooleanValue(value.BoolParam);
                break;
            case Choice.Int64Param:
                json.WriteNumberValue(value.Int64Param);
                break;
            case Choice.Uint64Param:
                json.WriteNumberValue(value.Uint64Param);
                break;
            case Choice.DoubleParam when double.IsFinite(value.DoubleParam):
                json.WriteNumberValue(value.DoubleParam);
                break;
            case Choice.StringParam:
                json.WriteStringValue(value.StringParam);
                break;
            default:
                throw RequestException.BadRequest($"parameter '{name}' has no value, or one that is no finite number");
        }
    }
}
