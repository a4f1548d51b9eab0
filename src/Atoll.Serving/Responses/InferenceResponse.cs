using System.Buffers;
using System.Globalization;
using System.Text.Json;
using Atoll.Wire;

namespace Atoll.Serving;

/// <summary>
/// Renders the answer of an infer request into pooled memory: JSON alone, or JSON followed by the binary outputs.
/// Device memory can be given back as soon as it is rendered, however slowly the client reads.
/// </summary>
internal static class InferenceResponse
{
    /// <summary>Writes the answer; the number of bytes of its JSON, or null when there is nothing else in it.</summary>
    /// <exception cref="RequestException">An output asked for as JSON has no JSON form.</exception>
    public static int? Render(
        PooledBytes to, ModelMetadata model, InferenceRequest request, IInferenceOutputs outputs)
    {
        using (var json = new Utf8JsonWriter(to))
        {
            json.WriteStartObject();
            json.WriteString("model_name"u8, model.Name);
            json.WriteString("model_version"u8, model.Version);
            if (request.Id is { } id)
            {
                json.WriteString("id"u8, id);
            }

            json.WriteStartArray("outputs"u8);
            foreach (var output in request.Outputs)
            {
                WriteOutput(json, model.Outputs[output.Index], output, outputs);
            }

            json.WriteEndArray();
            json.WriteEndObject();
        }

        var jsonBytes = to.Length;
        var anyBinary = false;
        foreach (var output in request.Outputs)
        {
            if (output.Region is { } region)
            {
                region.Write(outputs.Data(output.Index), model.Outputs[output.Index].Name);
            }
            else if (output.Binary)
            {
                anyBinary = true;
                to.Write(outputs.Data(output.Index));
            }
        }

        return anyBinary ? jsonBytes : null;
    }

    private static void WriteOutput(
        Utf8JsonWriter json, TensorMetadata metadata, OutputRequest output, IInferenceOutputs outputs)
    {
        var data = outputs.Data(output.Index);
        json.WriteStartObject();
        json.WriteString("name"u8, metadata.Name);
        var type = Classification.TypeOf(output, metadata);
        json.WriteString("datatype"u8, DataTypes.NameOf(type));
        json.WriteStartArray("shape"u8);
        foreach (var dim in outputs.Shape(output.Index))
        {
            json.WriteNumberValue(dim);
        }

        json.WriteEndArray();
        if (output.Region is { } region)
        {
            json.WriteStartObject("parameters"u8);
            json.WriteString("shared_memory_region"u8, region.Region);
            json.WriteNumber("shared_memory_offset"u8, region.Offset);
            json.WriteNumber("shared_memory_byte_size"u8, data.Length);
            json.WriteEndObject();
        }
        else if (output.Binary)
        {
            json.WriteStartObject("parameters"u8);
            json.WriteNumber("binary_data_size"u8, data.Length);
            json.WriteEndObject();
        }
        else
        {
            json.WritePropertyName("data"u8);
            if (!JsonTensor.TryWrite(json, type, data))
            {
                throw new RequestException(400, string.Create(CultureInfo.InvariantCulture,
                    $"output '{metadata.Name}' ({DataTypes.NameOf(type)}) has values without a JSON form " +
                    $"(NaN, infinity, a 16-bit float, bytes that are not UTF-8); ask for it as binary (binary_data)"));
            }
        }

        json.WriteEndObject();
    }
}
