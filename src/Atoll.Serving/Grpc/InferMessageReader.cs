using System.Text.Json;
using Atoll.Models;
using Atoll.Serving.Protobuf;
using Atoll.Wire;

namespace Atoll.Serving;

/// <summary>
/// A message as a checked request, by the same rules as a JSON one. Raw tensors stay in the message, which must outlive
/// the request; typed contents become bytes in the request's pooled memory.
/// </summary>
internal ref struct InferMessageReader
{
    private const string RegionParameter = "shared_memory_region";

    private readonly ModelMetadata _model;
    private readonly ModelInferRequest _message;
    private readonly SharedMemoryRegions? _regions;
    private readonly InferenceRequest _request;
    private int _nextRaw;

    private InferMessageReader(
        ModelMetadata model, ModelInferRequest message, SharedMemoryRegions? regions, InferenceRequest request)
    {
        _model = model;
        _message = message;
        _regions = regions;
        _request = request;
    }

    /// <param name="regions">Shared memory that the request may name; null = none.</param>
    /// <exception cref="RequestException">The message is wrong: says what, where and the limit.</exception>
    public static InferenceRequest Read(
        ModelMetadata model, ModelInferRequest message, SharedMemoryRegions? regions, out RequestParameters parameters)
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
        var reader = new InferMessageReader(model, message, regions, request);
        try
        {
            reader.ReadInputs();
            reader.ReadOutputs();
            return request;
        }
        catch
        {
            request.Dispose();
            throw;
        }
    }

    private void ReadInputs()
    {
        var raw = _message.RawInputContents.Count;
        var inBody = _message.Inputs.Count(input => !input.Parameters.ContainsKey(RegionParameter));
        if (raw > 0 && raw != inBody)
        {
            throw RequestException.BadRequest(
                $"the message has {inBody} inputs and {raw} raw_input_contents; it must have one for each input that " +
                "is not in shared memory, or none");
        }

        var given = new bool[_model.Inputs.Length];
        foreach (var input in _message.Inputs)
        {
            ReadInput(input, given);
        }

        InputDraft.CheckAllGiven(_model, given);
    }

    private void ReadInput(ModelInferRequest.Types.InferInputTensor input, bool[] given)
    {
        var json = new Utf8JsonReader(GrpcParameters.ToJson(input.Parameters));
        var parameters = ParameterReader.ReadInput(ref json, _regions);
        parameters.BinarySize = null;
        var shape = ShapeOf(input);
        var draft = new InputDraft(_model, given)
        {
            Name = input.Name,
            DataType = input.Datatype,
            Shape = shape,
            Parameters = parameters,
        };
        var data = parameters.Region is { } region ? ReadRegion(ref draft, input, region)
            : _message.RawInputContents.Count > 0 ? ReadRaw(ref draft, input)
            : ReadTyped(ref draft, input);
        _request.Inputs[draft.Index] = new InputTensor(shape, data);
        given[draft.Index] = true;
    }

    private readonly ReadOnlyMemory<byte> ReadRegion(
        ref InputDraft draft, ModelInferRequest.Types.InferInputTensor input, SharedMemorySlice region)
    {
        RefuseContents(input, RegionParameter);
        draft.Resolve(0);
        return InferenceRequestParser.TakeRegion(_request, draft, region);
    }

    private ReadOnlyMemory<byte> ReadRaw(ref InputDraft draft, ModelInferRequest.Types.InferInputTensor input)
    {
        RefuseContents(input, "raw_input_contents");
        var raw = _message.RawInputContents[_nextRaw++].Memory;
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

    private readonly ReadOnlyMemory<byte> ReadTyped(
        ref InputDraft draft, ModelInferRequest.Types.InferInputTensor input)
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

        if (draft.Type == ElementType.String)
        {
            var strings = new PooledBytes(256);
            _request.Own(strings);
            TypedContents.WriteStrings(contents, strings);
            return strings.Memory;
        }

        var data = _request.Rent(draft.ByteCount);
        TypedContents.Write(contents, draft.Type, data.Span, input.Name);
        return data;
    }

    private readonly void ReadOutputs()
    {
        var outputs = new OutputDrafts(_model);
        foreach (var output in _message.Outputs)
        {
            var json = new Utf8JsonReader(GrpcParameters.ToJson(output.Parameters));
            var parameters = ParameterReader.ReadOutput(ref json, _regions);
            parameters.Binary = true;
            outputs.Add(output.Name, parameters);
        }

        outputs.Resolve(_request.Outputs, binaryByDefault: true);
    }

    private static void RefuseContents(ModelInferRequest.Types.InferInputTensor input, string beside)
    {
        if (input.Contents is not null)
        {
            throw RequestException.BadRequest(
                $"input '{input.Name}' has contents beside {beside}; its data must be in one place");
        }
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
