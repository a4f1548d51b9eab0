using Atoll.Models;

namespace Atoll.Serving;

/// <summary>
/// What a configuration says of an input or output: it must agree with the model, and an output may name a file of
/// class labels.
/// </summary>
/// <param name="DataType">With the prefix TYPE_, and TYPE_STRING for BYTES; empty = not said.</param>
/// <param name="Dims">Without the batch dimension where the model has one; null = not said.</param>
/// <param name="LabelFilename">File of one label per line, beside the configuration; outputs only.</param>
public sealed record TensorDeclaration(
    string Name = "", string DataType = "", long[]? Dims = null, string LabelFilename = "")
{
    /// <exception cref="ServingException">The model's tensors do not agree.</exception>
    internal static void Check(
        IReadOnlyList<TensorDeclaration> declared, TensorMetadata[] tensors, int maxBatchSize, string kind)
    {
        foreach (var declaration in declared)
        {
            var tensor = Array.Find(tensors, tensor => tensor.Name == declaration.Name)
                ?? throw Wrong($"{kind} '{declaration.Name}' is not the model's; it has " +
                    string.Join(", ", tensors.Select(tensor => $"'{tensor.Name}'")));
            declaration.CheckOne(tensor, maxBatchSize, kind);
        }
    }

    /// <summary>TYPE_FP32 and so on.</summary>
    internal static string TypeName(ElementType type) =>
        "TYPE_" + (type == ElementType.String ? "STRING" : DataTypes.NameOf(type));

    private void CheckOne(TensorMetadata tensor, int maxBatchSize, string kind)
    {
        if (DataType.Length > 0 && DataType != TypeName(tensor.Type))
        {
            throw Wrong($"{kind} '{Name}' has data_type {DataType}; the model has {TypeName(tensor.Type)}");
        }

        var actual = tensor.Shape.AsSpan(maxBatchSize > 0 ? 1 : 0);
        if (Dims is { } dims && !Agrees(dims, actual))
        {
            throw Wrong($"{kind} '{Name}' has dims {DataTypes.Show(dims)}; the model has {DataTypes.Show(actual)}");
        }
    }

    private static bool Agrees(ReadOnlySpan<long> dims, ReadOnlySpan<long> actual)
    {
        if (dims.Length != actual.Length)
        {
            return false;
        }

        for (var i = 0; i < dims.Length; i++)
        {
            if (dims[i] != actual[i] && dims[i] >= 0 && actual[i] >= 0)
            {
                return false;
            }
        }

        return true;
    }

    private static ServingException Wrong(string message) => new(ServingError.InvalidSetting, message);
}
