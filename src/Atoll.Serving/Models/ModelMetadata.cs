using Atoll.Models;

namespace Atoll.Serving;

/// <summary>Name, type and shape of one input or output; -1 stands for a variable dimension.</summary>
public sealed record TensorMetadata(string Name, ElementType Type, long[] Shape)
{
    /// <summary>Whether a shape given by a client fits, dimension by dimension.</summary>
    public bool Accepts(ReadOnlySpan<long> shape)
    {
        if (shape.Length != Shape.Length)
        {
            return false;
        }

        for (var i = 0; i < shape.Length; i++)
        {
            if (shape[i] < 0 || (Shape[i] >= 0 && Shape[i] != shape[i]))
            {
                return false;
            }
        }

        return true;
    }
}

/// <summary>What a client may know of a model: the answer of GET /v2/models/NAME.</summary>
public sealed record ModelMetadata
{
    public required string Name { get; init; }

    public string Version { get; init; } = "1";

    /// <summary>What runs ONNX models here.</summary>
    public const string OnnxPlatform = "atoll_onnx";

    public string Platform { get; init; } = OnnxPlatform;

    public required TensorMetadata[] Inputs { get; init; }

    public required TensorMetadata[] Outputs { get; init; }
}
