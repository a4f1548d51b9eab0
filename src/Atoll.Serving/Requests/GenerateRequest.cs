using System.Runtime.InteropServices;
using System.Text.Json;
using Atoll.Models;
using Atoll.Wire;

namespace Atoll.Serving;

/// <summary>
/// Reads the body of a generate request: each member that is named like an input is its tensor, as a value or as an
/// array; other members, and those of `parameters`, are request parameters.
/// </summary>
internal static class GenerateRequest
{
    private const int MaxRank = 8;

    /// <exception cref="RequestException">The request is wrong: says what and where.</exception>
    public static InferenceRequest Parse(
        ModelMetadata model, ReadOnlyMemory<byte> body, out RequestParameters parameters)
    {
        parameters = default;
        var request = new InferenceRequest { Inputs = new InputTensor[model.Inputs.Length] };
        try
        {
            using var document = JsonDocument.Parse(body);
            if (document.RootElement.ValueKind != JsonValueKind.Object)
            {
                throw RequestException.BadRequest("request body must be a JSON object");
            }

            Read(model, document.RootElement, request, ref parameters);
            request.Sequence = parameters.Sequence;
            request.Parameters = parameters.Custom ?? request.Parameters;
            new OutputDrafts(model).Resolve(request.Outputs, false);
            return request;
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException or ArgumentException)
        {
            // Lone surrogates are an invalid operation to read, bytes that are not UTF-8 a wrong argument to write.
            request.Dispose();
            throw RequestException.BadRequest($"request body is not valid JSON: {e.Message}");
        }
        catch
        {
            request.Dispose();
            throw;
        }
    }

    private static void Read(
        ModelMetadata model, JsonElement root, InferenceRequest request, ref RequestParameters parameters)
    {
        var given = new bool[model.Inputs.Length];
        var others = new List<JsonProperty>();
        foreach (var member in root.EnumerateObject())
        {
            var index = Array.FindIndex(model.Inputs, input => member.NameEquals(input.Name));
            if (index >= 0)
            {
                given[index] = given[index]
                    ? throw RequestException.BadRequest($"input '{member.Name}' is given twice")
                    : true;
                request.Inputs[index] = ReadTensor(request, model.Inputs[index], member.Value);
            }
            else if (member.NameEquals("id"))
            {
                request.Id = member.Value.ValueKind == JsonValueKind.String ? member.Value.GetString()
                    : throw RequestException.BadRequest("id must be a string");
            }
            else if (member is { Name: "parameters", Value.ValueKind: JsonValueKind.Object })
            {
                others.AddRange(member.Value.EnumerateObject());
            }
            else
            {
                others.Add(member);
            }
        }

        InputDraft.CheckAllGiven(model, given);
        ReadParameters(others, ref parameters);
    }

    /// <summary>Writes the members as one object, so that they are read as parameters are everywhere.</summary>
    private static void ReadParameters(List<JsonProperty> members, ref RequestParameters parameters)
    {
        if (members.Count == 0)
        {
            return;
        }

        using var text = new PooledBytes(256);
        using (var writer = new Utf8JsonWriter(text))
        {
            writer.WriteStartObject();
            foreach (var member in members)
            {
                member.WriteTo(writer);
            }

            writer.WriteEndObject();
        }

        var json = new Utf8JsonReader(text.Memory.Span);
        ParameterReader.ReadRequest(ref json, ref parameters);
    }

    private static InputTensor ReadTensor(InferenceRequest request, TensorMetadata input, JsonElement value)
    {
        var shape = ShapeOf(input, value);
        if (!input.Accepts(shape))
        {
            throw RequestException.BadRequest(
                $"input '{input.Name}' has shape {DataTypes.Show(shape)}; the model expects " +
                DataTypes.Show(input.Shape));
        }

        var raw = JsonMarshal.GetRawUtf8Value(value);
        var text = request.Rent(raw.Length + 2).Span;
        text[0] = (byte)'[';
        raw.CopyTo(text[1..]);
        text[^1] = (byte)']';
        var json = new Utf8JsonReader(text);
        json.Read();

        // An element takes a byte of text at least, so the shape is no larger than the text.
        var count = (int)DataTypes.Count(shape, raw.Length);
        var data = Elements(request, input, ref json, count);
        return data is { } elements
            ? new InputTensor(shape, elements)
            : throw RequestException.BadRequest(
                $"input '{input.Name}': the arrays in it have not all the shape {DataTypes.Show(shape)}");
    }

    private static ReadOnlyMemory<byte>? Elements(
        InferenceRequest request, TensorMetadata input, ref Utf8JsonReader json, int count)
    {
        if (count < 0)
        {
            return null;
        }

        if (input.Type == ElementType.String)
        {
            var strings = new PooledBytes(256);
            request.Own(strings);
            return JsonElements.ReadStrings(ref json, strings, count, input.Name) == count ? strings.Memory : null;
        }

        var data = request.Rent(checked(count * input.Type.SizeInBytes()));
        return JsonElements.Read(ref json, input.Type, data.Span, input.Name) == count ? data : null;
    }

    /// <summary>Of a value [1], of arrays their lengths; ones go before where the model has more dimensions.</summary>
    private static long[] ShapeOf(TensorMetadata input, JsonElement value)
    {
        var dims = new List<long>();
        for (var inner = value; inner.ValueKind == JsonValueKind.Array && dims.Count <= MaxRank; inner = inner[0])
        {
            dims.Add(inner.GetArrayLength());
            if (dims[^1] == 0)
            {
                break;
            }
        }

        var missing = int.Max(0, input.Shape.Length - dims.Count);
        return [.. Enumerable.Repeat(1L, missing), .. dims];
    }
}
