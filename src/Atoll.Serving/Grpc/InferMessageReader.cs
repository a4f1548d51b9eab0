using System.Text.Json;
using Atoll.Serving.Protobuf;

namespace Atoll.Serving;

/// <summary>
/// A message as a checked request, by the same rules as a JSON one. Raw tensors stay in the message, which must outlive
/// the request; typed contents become bytes in the request's pooled memory.
/// </summary>
internal static class InferMessageReader
{
    /// <exception cref="RequestException">The message is wrong: says what, where and the limit.</exception>
    public static InferenceRequest Read(
        ModelMetadata model, ModelInferRequest message, out RequestParameters parameters)
    {
        parameters = default;
        var json = new Utf8JsonReader(GrpcParameters.ToJson(message.Parameters));
        ParameterReader.ReadRequest(ref json, ref parameters);
        var request = new InferenceRequest
        {
            Id = message.Id.Length > 0 ? message.Id : null,
            Inputs = new InputTensor[model.Inputs.Length],
            Sequence = parameters.Sequence,
        };
        request.Parameters = parameters.Custom ?? request.Parameters;
        try
        {
            ReadInputs(model, message, request);
            ReadOutputs(model, message, request);
            return request;
        }
        catch
        {
            request.Dispose();
            throw;
        }
    }

    private static void ReadInputs(ModelMetadata model, ModelInferRequest message, InferenceRequest request)
    {
        var raw = message.RawInputContents;
        if (raw.Count > 0 && raw.Count != message.Inputs.Count)
        {
            throw RequestException.BadRequest(
                $"the message has {message.Inputs.Count} inputs and {raw.Count} raw_input_contents; it must have one " +
                "for each input, or none");
        }

        var given = new bool[model.Inputs.Length];
        for (var i = 0; i < message.Inputs.Count; i++)
        {
            var input = message.Inputs[i];
            var shape = ShapeOf(input);
            var draft = new InputDraft(model, given) { Name = input.Name, DataType = input.Datatype, Shape = shape };
            var json = new Utf8JsonReader(GrpcParameters.ToJson(input.Parameters));
            draft.Parameters = ParameterReader.ReadInput(ref json, regions: null);
            draft.Data = raw.Count > 0
                ? ReadRaw(ref draft, input, raw[i].Memory)
                : ReadTyped(ref draft, input, request);
            request.Inputs[draft.Index] = new InputTensor(shape, draft.Data.Value);
            given[draft.Index] = true;
        }

        InputDraft.CheckAllGiven(model, given);
    }

    private static ReadOnlyMemory<byte> ReadRaw(
        ref InputDraft draft, ModelInferRequest.Types.InferInputTensor input, ReadOnlyMemory<byte> raw)
    {
        if (input.Contents is not null)
        {
            throw RequestException.BadRequest(
                $"input '{input.Name}' has contents beside raw_input_contents; all inputs must be of one form");
        }

        draft.Resolve(raw.Length);
        if (raw.Length != draft.ByteCount && draft.ByteCount >= 0)
        {
            throw RequestException.BadRequest(
                $"input '{draft.Name}': its raw_input_contents has {raw.Length} bytes; {draft.DataType} of shape " +
                $"{DataTypes.Show(draft.Shape)} has {draft.ByteCount} bytes");
        }

        InferenceRequestParser.CheckContent(draft, raw.Span);
        return raw;
    }

    private static ReadOnlyMemory<byte> ReadTyped(
        ref InputDraft draft, ModelInferRequest.Types.InferInputTensor input, InferenceRequest request)
    {
        var contents = input.Contents ?? new InferTensorContents();
        draft.Resolve(contents.CalculateSize());
        var count = TypedContents.Count(contents, draft.Type, input.Name);
        if (count != draft.ElementCount)
        {
            throw RequestException.BadRequest(
                $"input '{draft.Name}': shape {DataTypes.Show(draft.Shape)} has {draft.ElementCount} elements, " +
                $"contents has {count}");
        }

        if (draft.ByteCount < 0)
        {
            var strings = new PooledBytes(256);
            request.Own(strings);
            foreach (var element in contents.BytesContents)
            {
                BytesTensor.Append(strings, element.Span);
            }

            return strings.Memory;
        }

        var data = request.Rent(draft.ByteCount);
        TypedContents.Write(contents, draft.Type, data.Span, input.Name);
        return data;
    }

    private static void ReadOutputs(ModelMetadata model, ModelInferRequest message, InferenceRequest request)
    {
        var outputs = new OutputDrafts(model);
        foreach (var output in message.Outputs)
        {
            var json = new Utf8JsonReader(GrpcParameters.ToJson(output.Parameters));
            var parameters = ParameterReader.ReadOutput(ref json, regions: null);
            parameters.Binary = true;
            outputs.Add(output.Name, parameters);
        }

        outputs.Resolve(request.Outputs, binaryByDefault: true);
    }

    private static long[] ShapeOf(ModelInferRequest.Types.InferInputTensor input)
    {
        if (input.Shape.Count > JsonValues.MaxRank)
        {
            throw RequestException.BadRequest($"shape has more than {JsonValues.MaxRank} dimensions");
        }

        long[] shape = [.. input.Shape];
        return Array.TrueForAll(shape, dim => dim >= 0)
            ? shape
            : throw RequestException.BadRequest("each dimension of a shape must be a whole number of at least 0");
    }
}
