using System.Text.Json;

namespace Atoll.Serving;

/// <summary>
/// The outputs that a request names; its default form may only be known when the whole request is read.
/// </summary>
internal struct OutputDrafts(ModelMetadata model)
{
    private List<(int Index, OutputParameters Parameters)>? _named;

    public void Read(ref Utf8JsonReader json, SharedMemoryRegions? regions)
    {
        JsonValues.Expect(ref json, JsonTokenType.StartArray, "'outputs' must be an array");
        _named = _named is null ? [] : throw RequestException.BadRequest("'outputs' is given twice");
        while (json.Read() && json.TokenType != JsonTokenType.EndArray)
        {
            if (json.TokenType != JsonTokenType.StartObject)
            {
                throw RequestException.BadRequest("each of 'outputs' must be an object");
            }

            ReadOne(ref json, regions);
        }
    }

    /// <summary>Fills the list: the named outputs, or all of the model's when none are named.</summary>
    public readonly void Resolve(List<OutputRequest> outputs, bool binaryByDefault)
    {
        if (_named is { Count: > 0 })
        {
            outputs.AddRange(_named.Select(named => named.Parameters.For(named.Index, binaryByDefault)));
            return;
        }

        for (var i = 0; i < model.Outputs.Length; i++)
        {
            outputs.Add(new OutputRequest(i, binaryByDefault));
        }
    }

    private void ReadOne(ref Utf8JsonReader json, SharedMemoryRegions? regions)
    {
        string? name = null;
        OutputParameters? parameters = null;
        while (json.Read() && json.TokenType == JsonTokenType.PropertyName)
        {
            if (json.ValueTextEquals("name"u8))
            {
                RequireFirst(name is null, name, "name");
                name = JsonValues.Text(ref json, "name of an output");
            }
            else if (json.ValueTextEquals("parameters"u8))
            {
                RequireFirst(parameters is null, name, "parameters");
                parameters = ParameterReader.ReadOutput(ref json, regions);
            }
            else
            {
                json.Read();
                json.Skip();
            }
        }

        Add(name, parameters ?? new OutputParameters());
    }

    private static void RequireFirst(bool isFirst, string? name, string member)
    {
        if (!isFirst)
        {
            throw RequestException.BadRequest($"output '{name}' has '{member}' twice");
        }
    }

    /// <summary>Notes one output that the request names.</summary>
    /// <exception cref="RequestException">The model has no such output, or it is named twice.</exception>
    public void Add(string? name, in OutputParameters parameters)
    {
        var index = Array.FindIndex(model.Outputs, tensor => tensor.Name == name);
        if (index < 0)
        {
            throw RequestException.BadRequest(
                $"unexpected output '{name}' for model '{model.Name}'; it has " +
                string.Join(", ", model.Outputs.Select(tensor => $"'{tensor.Name}'")));
        }

        _named ??= [];
        if (_named.Exists(named => named.Index == index))
        {
            throw RequestException.BadRequest($"output '{name}' is asked for twice");
        }

        _named.Add((index, parameters));
    }
}
