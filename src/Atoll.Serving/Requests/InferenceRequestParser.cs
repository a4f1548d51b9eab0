using System.Text.Json;
using Atoll.Models;
using Atoll.Wire;

namespace Atoll.Serving;

/// <summary>What a request asks of the scheduler, as the client wrote it.</summary>
internal struct RequestParameters
{
    /// <summary>0 = the model's default, 1 = real-time, 2 to N = order within best-effort.</summary>
    public int Priority;

    /// <summary>Microseconds from arrival in which the answer is of use; 0 = no deadline.</summary>
    public long TimeoutUs;

    /// <summary>The request's own objective in microseconds, in place of its session's; 0 = the session's.</summary>
    public long ObjectiveUs;

    /// <summary>The nearer of both as a span; null = no deadline.</summary>
    public readonly TimeSpan? Timeout => (TimeoutUs, ObjectiveUs) switch
    {
        (0, 0) => null,
        (0, _) => TimeSpan.FromMicroseconds(ObjectiveUs),
        (_, 0) => TimeSpan.FromMicroseconds(TimeoutUs),
        _ => TimeSpan.FromMicroseconds(long.Min(TimeoutUs, ObjectiveUs)),
    };

    /// <summary>Whether outputs that say nothing else are answered in binary.</summary>
    public bool BinaryOutputs;

    public SequenceStep Sequence;

    /// <summary>Every other parameter; null = none.</summary>
    public Dictionary<string, object>? Custom;
}

/// <summary>
/// Parses the body of an infer request: JSON, JSON followed by binary tensors, or one raw binary tensor. JSON tensor
/// data goes straight into pooled memory and binary data stays in the body, which must outlive the request.
/// </summary>
internal ref struct InferenceRequestParser
{
    /// <summary>
    /// Most bytes of shared memory that one input may name: as much as the largest body that can be set.
    /// </summary>
    private const long MostRegionBytes = 1 << 30;

    private readonly ModelMetadata _model;
    private readonly ReadOnlyMemory<byte> _body;
    private readonly int _jsonBytes;
    private readonly InferenceRequest _request;
    private readonly SharedMemoryRegions? _regions;
    private readonly bool[] _given;
    private Utf8JsonReader _json;
    private RequestParameters _parameters;
    private OutputDrafts _outputs;
    private int _binaryOffset;
    private bool _hasParameters;

    private InferenceRequestParser(
        ModelMetadata model, ReadOnlyMemory<byte> body, int jsonBytes,
        (InferenceRequest Request, SharedMemoryRegions? Regions) use)
    {
        _model = model;
        _body = body;
        _jsonBytes = jsonBytes;
        (_request, _regions) = use;
        _given = new bool[model.Inputs.Length];
        _json = new Utf8JsonReader(body.Span[..jsonBytes]);
        _outputs = new OutputDrafts(model);
        _binaryOffset = jsonBytes;
    }

    /// <summary>
    /// Parses a body whose first <paramref name="jsonBytes"/> bytes are JSON; 0 = one raw binary tensor.
    /// </summary>
    /// <param name="regions">Shared memory that the request may name; null = none.</param>
    /// <exception cref="RequestException">The request is wrong: says what, where and the limit.</exception>
    public static InferenceRequest Parse(
        ModelMetadata model, ReadOnlyMemory<byte> body, int jsonBytes, out RequestParameters parameters,
        SharedMemoryRegions? regions = null)
    {
        parameters = default;
        if (jsonBytes == 0)
        {
            return RawRequest.Parse(model, body);
        }

        var request = new InferenceRequest { Inputs = new InputTensor[model.Inputs.Length] };
        var parser = new InferenceRequestParser(model, body, jsonBytes, (request, regions));
        try
        {
            parser.ReadRequest();
            parameters = parser._parameters;
            request.Sequence = parameters.Sequence;
            request.Parameters = parameters.Custom ?? request.Parameters;
            return request;
        }
        catch (JsonException e)
        {
            request.Dispose();
            throw RequestException.BadRequest($"request body is not valid JSON: {e.Message}");
        }
        catch (InvalidOperationException e)
        {
            // The reader refuses strings with lone surrogates or bad UTF-8 in this way.
            request.Dispose();
            throw RequestException.BadRequest($"request body has text that is not valid: {e.Message}");
        }
        catch
        {
            request.Dispose();
            throw;
        }
    }

    private void ReadRequest()
    {
        if (!_json.Read() || _json.TokenType != JsonTokenType.StartObject)
        {
            throw RequestException.BadRequest("request body must be a JSON object");
        }

        var inputsSeen = false;
        while (_json.Read() && _json.TokenType == JsonTokenType.PropertyName)
        {
            ReadProperty(ref inputsSeen);
        }

        if (_json.Read())
        {
            throw RequestException.BadRequest("request body has text after its JSON object");
        }

        CheckComplete(inputsSeen);
        _outputs.Resolve(_request.Outputs, _parameters.BinaryOutputs);
    }

    private void ReadProperty(ref bool inputsSeen)
    {
        if (_json.ValueTextEquals("id"u8))
        {
            RequireFirst(_request.Id is null, "id");
            _request.Id = JsonValues.Text(ref _json, "id");
        }
        else if (_json.ValueTextEquals("parameters"u8))
        {
            RequireFirst(!_hasParameters, "parameters");
            _hasParameters = true;
            ParameterReader.ReadRequest(ref _json, ref _parameters);
        }
        else if (_json.ValueTextEquals("inputs"u8))
        {
            RequireFirst(!inputsSeen, "inputs");
            inputsSeen = true;
            ReadInputs();
        }
        else if (_json.ValueTextEquals("outputs"u8))
        {
            _outputs.Read(ref _json, _regions);
        }
        else
        {
            _json.Read();
            _json.Skip();
        }
    }

    /// <summary>A second value would take the place of one that may have been checked and used already.</summary>
    private static void RequireFirst(bool isFirst, string member)
    {
        if (!isFirst)
        {
            throw RequestException.BadRequest($"'{member}' is given twice");
        }
    }

    private void ReadInputs()
    {
        JsonValues.Expect(ref _json, JsonTokenType.StartArray, "'inputs' must be an array");
        while (_json.Read() && _json.TokenType != JsonTokenType.EndArray)
        {
            if (_json.TokenType != JsonTokenType.StartObject)
            {
                throw RequestException.BadRequest("each of 'inputs' must be an object");
            }

            ReadInput();
        }
    }

    private void ReadInput()
    {
        var draft = new InputDraft(_model, _given);
        while (_json.Read() && _json.TokenType == JsonTokenType.PropertyName)
        {
            if (_json.ValueTextEquals("name"u8))
            {
                draft.RequireFirst(draft.Name is null, "name");
                draft.Name = JsonValues.Text(ref _json, "name of an input");
            }
            else if (_json.ValueTextEquals("datatype"u8))
            {
                draft.RequireFirst(draft.DataType is null, "datatype");
                draft.DataType = JsonValues.Text(ref _json, "datatype of an input");
            }
            else if (_json.ValueTextEquals("shape"u8))
            {
                draft.RequireFirst(draft.Shape is null, "shape");
                draft.Shape = JsonValues.Shape(ref _json);
            }
            else if (_json.ValueTextEquals("parameters"u8))
            {
                draft.RequireFirst(!draft.HasParameters, "parameters");
                draft.HasParameters = true;
                draft.Parameters = ParameterReader.ReadInput(ref _json, _regions);
            }
            else if (_json.ValueTextEquals("data"u8))
            {
                ReadData(ref draft);
            }
            else
            {
                _json.Read();
                _json.Skip();
            }
        }

        Finish(ref draft);
    }

    /// <summary>Reads the data at once when the rest of the input is known, else notes where it stands.</summary>
    private void ReadData(ref InputDraft draft)
    {
        draft.RequireFirst(draft.DataStart < 0, "data");
        _json.Read();
        draft.DataStart = (int)_json.TokenStartIndex;
        if (draft.IsDescribed)
        {
            CheckOneSource(draft);
            draft.Resolve(_body.Length);
            draft.Data = ReadElements(ref _json, draft);
        }
        else
        {
            _json.Skip();
        }
    }

    private readonly ReadOnlyMemory<byte> ReadElements(ref Utf8JsonReader json, in InputDraft draft)
    {
        int count;
        ReadOnlyMemory<byte> data;
        if (draft.Type == ElementType.String)
        {
            var strings = new PooledBytes(256);
            _request.Own(strings);
            count = JsonElements.ReadStrings(ref json, strings, draft.ElementCount, draft.Name!);
            data = strings.Memory;
        }
        else
        {
            var rented = _request.Rent(draft.ByteCount);
            count = JsonElements.Read(ref json, draft.Type, rented.Span, draft.Name!);
            data = rented;
        }

        if (count != draft.ElementCount)
        {
            var given = count > draft.ElementCount ? "more" : $"{count}";
            throw RequestException.BadRequest(
                $"input '{draft.Name}': shape {DataTypes.Show(draft.Shape)} has {draft.ElementCount} elements, " +
                $"data has {given}");
        }

        return data;
    }

    private void Finish(ref InputDraft draft)
    {
        draft.Resolve(_body.Length);
        CheckOneSource(draft);
        if (draft.Parameters.Region is { } region)
        {
            draft.Data = TakeRegion(_request, draft, region);
        }
        else if (draft.Parameters.BinarySize is { } size)
        {
            draft.Data = TakeBinary(draft, size);
        }
        else if (draft.Data is null)
        {
            var json = new Utf8JsonReader(_body.Span[draft.DataStart.._jsonBytes]);
            json.Read();
            draft.Data = ReadElements(ref json, draft);
        }

        _request.Inputs[draft.Index] = new InputTensor(draft.Shape!, draft.Data.Value);
        _given[draft.Index] = true;
    }

    private static void CheckOneSource(in InputDraft draft)
    {
        var elsewhere = draft.Parameters.Region is not null || draft.Parameters.BinarySize is not null;
        if (elsewhere && draft.DataStart >= 0)
        {
            throw RequestException.BadRequest($"input '{draft.Name}' has both 'data' and " +
                (draft.Parameters.Region is null ? "binary_data_size" : "shared_memory_region"));
        }

        if (draft.Parameters.Region is not null && draft.Parameters.BinarySize is not null)
        {
            throw RequestException.BadRequest(
                $"input '{draft.Name}' has both binary_data_size and shared_memory_region");
        }

        if (!elsewhere && draft.DataStart < 0)
        {
            throw RequestException.BadRequest($"input '{draft.Name}' has neither 'data' nor binary_data_size");
        }
    }

    /// <summary>
    /// A copy, so that what is checked now is what runs, whatever the client writes to the region later.
    /// </summary>
    internal static ReadOnlyMemory<byte> TakeRegion(
        InferenceRequest request, in InputDraft draft, SharedMemorySlice region)
    {
        CheckSize(draft, region.Length, "shared_memory_byte_size");
        if (region.Length > MostRegionBytes)
        {
            throw RequestException.BadRequest(
                $"input '{draft.Name}': shared_memory_byte_size is {region.Length}; at most {MostRegionBytes} are " +
                    $"read");
        }

        var data = request.Rent((int)region.Length);
        region.Read(data.Span);
        CheckContent(draft, data.Span);
        return data;
    }

    private ReadOnlyMemory<byte> TakeBinary(in InputDraft draft, long size)
    {
        CheckSize(draft, size, "binary_data_size");
        if (size > _body.Length - _binaryOffset)
        {
            throw RequestException.BadRequest(
                $"input '{draft.Name}': binary_data_size is {size}, but the body has " +
                $"{_body.Length - _binaryOffset} bytes left");
        }

        var data = _body.Slice(_binaryOffset, (int)size);
        _binaryOffset += (int)size;
        CheckContent(draft, data.Span);
        return data;
    }

    private static void CheckSize(in InputDraft draft, long size, string parameter)
    {
        if (size != draft.ByteCount && draft.ByteCount >= 0)
        {
            throw RequestException.BadRequest(
                $"input '{draft.Name}': {parameter} is {size}; {draft.DataType} of shape " +
                $"{DataTypes.Show(draft.Shape)} has {draft.ByteCount} bytes");
        }
    }

    /// <exception cref="RequestException">The bytes are not elements of the type, or not so many.</exception>
    public static void CheckContent(in InputDraft draft, ReadOnlySpan<byte> data)
    {
        RawRequest.CheckBinary(draft.Type, data, draft.Name!);
        if (draft.Type == ElementType.String && BytesTensor.Count(data) is var count && count != draft.ElementCount)
        {
            throw RequestException.BadRequest(
                $"input '{draft.Name}': shape {DataTypes.Show(draft.Shape)} has {draft.ElementCount} elements, " +
                (count < 0 ? "and the data does not end with one" : $"the data has {count}"));
        }
    }

    private readonly void CheckComplete(bool inputsSeen)
    {
        if (!inputsSeen)
        {
            throw RequestException.BadRequest("request has no 'inputs'");
        }

        InputDraft.CheckAllGiven(_model, _given);
        if (_binaryOffset != _body.Length)
        {
            throw RequestException.BadRequest(
                $"request body has {_body.Length - _binaryOffset} bytes that no input's binary_data_size claims");
        }
    }
}
