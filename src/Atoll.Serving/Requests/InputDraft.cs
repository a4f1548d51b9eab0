using Atoll.Models;

namespace Atoll.Serving;

/// <summary>One input while its JSON object is being read; its members may come in any order.</summary>
internal ref struct InputDraft(ModelMetadata model, bool[] given)
{
    public string? Name;
    public string? DataType;
    public long[]? Shape;
    public InputParameters Parameters;
    public bool HasParameters;
    public int DataStart = -1;
    public ReadOnlyMemory<byte>? Data;
    public int Index = -1;
    public ElementType Type;
    public int ElementCount;

    /// <summary>Bytes of all elements; -1 for BYTES, whose elements differ in length.</summary>
    public int ByteCount;

    public readonly bool IsDescribed => Name is not null && DataType is not null && Shape is not null;

    /// <summary>Data that was read already was read by the first value: a second one would belie it.</summary>
    /// <exception cref="RequestException">The member was given before.</exception>
    public readonly void RequireFirst(bool isFirst, string member)
    {
        if (!isFirst)
        {
            throw RequestException.BadRequest($"input '{Name}' has '{member}' twice");
        }
    }

    /// <summary>
    /// Checks name, type and shape against the model; the element count is bounded by the body's length.
    /// </summary>
    public void Resolve(int bodyBytes)
    {
        if (Index >= 0)
        {
            return;
        }

        var name = Name ?? throw RequestException.BadRequest("an input has no 'name'");
        var index = Array.FindIndex(model.Inputs, tensor => tensor.Name == name);
        if (index < 0)
        {
            throw RequestException.BadRequest(
                $"unexpected input '{name}' for model '{model.Name}'; it has " +
                string.Join(", ", model.Inputs.Select(tensor => $"'{tensor.Name}'")));
        }

        if (given[index])
        {
            throw RequestException.BadRequest($"input '{name}' is given twice");
        }

        CheckType(model.Inputs[index]);
        CheckShape(model.Inputs[index], bodyBytes);
        Index = index;
    }

    /// <exception cref="RequestException">An input of the model is missing.</exception>
    public static void CheckAllGiven(ModelMetadata model, bool[] given)
    {
        var missing = Array.IndexOf(given, false);
        if (missing >= 0)
        {
            throw RequestException.BadRequest(
                $"input '{model.Inputs[missing].Name}' of model '{model.Name}' is missing " +
                $"({given.Count(true)} of {given.Length} inputs given)");
        }
    }

    private void CheckType(TensorMetadata expected)
    {
        var text = DataType ?? throw RequestException.BadRequest($"input '{Name}' has no 'datatype'");
        Type = DataTypes.Parse(text);
        if (Type == ElementType.Undefined)
        {
            throw RequestException.BadRequest($"input '{Name}': there is no datatype '{text}'");
        }

        if (Type != expected.Type)
        {
            throw RequestException.BadRequest(
                $"input '{Name}' has datatype {text}; model '{model.Name}' expects {DataTypes.NameOf(expected.Type)}");
        }
    }

    private void CheckShape(TensorMetadata expected, int bodyBytes)
    {
        var shape = Shape ?? throw RequestException.BadRequest($"input '{Name}' has no 'shape'");
        if (!expected.Accepts(shape))
        {
            throw RequestException.BadRequest(
                $"input '{Name}' has shape {DataTypes.Show(shape)}; model '{model.Name}' expects " +
                $"{DataTypes.Show(expected.Shape)}");
        }

        // Every element takes at least one byte of the body or region, so a shape beyond it cannot be meant.
        var size = Type == ElementType.String ? 1 : Type.SizeInBytes();
        var held = Parameters.Region is null ? bodyBytes : Parameters.RegionBytes;
        var count = DataTypes.Count(shape, long.Min(held, int.MaxValue / size));
        if (count < 0)
        {
            throw RequestException.BadRequest(
                $"input '{Name}': shape {DataTypes.Show(shape)} has more elements than the body of {held} " +
                "bytes can hold");
        }

        ElementCount = (int)count;
        ByteCount = Type == ElementType.String ? -1 : (int)count * size;
    }
}
