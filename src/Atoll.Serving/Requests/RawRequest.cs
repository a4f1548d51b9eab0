using Atoll.Models;
using Atoll.Wire;

namespace Atoll.Serving;

/// <summary>
/// A request whose whole body is the data of the model's only input; every output is answered in binary.
/// </summary>
internal static class RawRequest
{
    public static InferenceRequest Parse(ModelMetadata model, ReadOnlyMemory<byte> body)
    {
        if (model.Inputs.Length != 1)
        {
            throw RequestException.BadRequest(
                $"a raw binary request needs a model with one input; '{model.Name}' has {model.Inputs.Length}");
        }

        var input = model.Inputs[0];
        var request = input.Type == ElementType.String ? OneString(input, body) : OneTensor(input, body);
        for (var i = 0; i < model.Outputs.Length; i++)
        {
            request.Outputs.Add(new OutputRequest(i, true));
        }

        return request;
    }

    /// <summary>The whole body is the only element, without a length.</summary>
    private static InferenceRequest OneString(TensorMetadata input, ReadOnlyMemory<byte> body)
    {
        long[] shape = [.. input.Shape.Select(dim => dim < 0 ? 1 : dim)];
        if (shape.Any(dim => dim != 1))
        {
            throw RequestException.BadRequest(
                $"a raw binary request needs a BYTES input of one element; input '{input.Name}' has shape " +
                DataTypes.Show(input.Shape));
        }

        var data = new PooledBytes(body.Length + 8);
        BytesTensor.Append(data, body.Span);
        var request = new InferenceRequest { Inputs = [new InputTensor(shape, data.Memory)] };
        request.Own(data);
        return request;
    }

    private static InferenceRequest OneTensor(TensorMetadata input, ReadOnlyMemory<byte> body)
    {
        CheckBinary(input.Type, body.Span, input.Name);
        return new InferenceRequest { Inputs = [new InputTensor(ShapeFor(input, body.Length), body)] };
    }

    /// <summary>Bytes of a BOOL tensor must be 0 or 1: kernels count on it.</summary>
    public static void CheckBinary(ElementType type, ReadOnlySpan<byte> data, string input)
    {
        if (type == ElementType.Bool && data.ContainsAnyExceptInRange((byte)0, (byte)1))
        {
            throw RequestException.BadRequest($"input '{input}': bytes of a BOOL tensor must be 0 or 1");
        }
    }

    private static long[] ShapeFor(TensorMetadata input, int bytes)
    {
        var variable = input.Shape.Count(dim => dim < 0);
        if (variable > 1)
        {
            throw RequestException.BadRequest(
                $"a raw binary request needs at most one variable dimension; input '{input.Name}' has {variable}");
        }

        var size = input.Type.SizeInBytes();
        var known = input.Shape.Where(dim => dim >= 0).Aggregate((long)size, (product, dim) => product * dim);
        var free = variable == 0 ? 1 : known == 0 ? 0 : bytes / known;
        if (known * free != bytes)
        {
            throw RequestException.BadRequest(
                $"input '{input.Name}': {DataTypes.NameOf(input.Type)} of shape {DataTypes.Show(input.Shape)} " +
                $"does not fit a body of {bytes} bytes");
        }

        return [.. input.Shape.Select(dim => dim < 0 ? free : dim)];
    }
}
