using System.Globalization;
using System.Runtime.InteropServices;
using System.Text;
using Atoll.Models;
using Atoll.Wire;

namespace Atoll.Serving;

/// <summary>
/// Answers an output by its largest values instead: BYTES elements `value:index` or `value:index:label`, largest first,
/// for each item of a batch.
/// </summary>
internal static class Classification
{
    /// <summary>The outputs themselves where the request asks for no classes.</summary>
    public static IInferenceOutputs Apply(ModelEntry entry, InferenceRequest request, IInferenceOutputs outputs)
    {
        foreach (var output in request.Outputs)
        {
            if (output.Classes > 0)
            {
                return new ClassifiedOutputs(entry, request, outputs);
            }
        }

        return outputs;
    }

    /// <summary>Type of an output in the answer.</summary>
    public static ElementType TypeOf(OutputRequest output, TensorMetadata metadata) =>
        output.Classes > 0 ? ElementType.String : metadata.Type;

    /// <exception cref="RequestException">The type has no order.</exception>
    private static (long[] Shape, byte[] Data) Classify(
        TensorMetadata metadata, ReadOnlySpan<long> shape, ReadOnlySpan<byte> data, (int Classes, int Rows) wanted,
        string[]? labels)
    {
        var values = Values(metadata, data);
        var width = wanted.Rows == 0 ? 0 : values.Length / wanted.Rows;
        var classes = int.Min(wanted.Classes, width);
        using var text = new PooledBytes(256);
        for (var row = 0; row < wanted.Rows; row++)
        {
            var start = row * width;
            foreach (var index in Enumerable.Range(0, width).OrderByDescending(i => values[start + i]).Take(classes))
            {
                var value = values[start + index];
                var number = metadata.Type is ElementType.Float32 or ElementType.Float64
                    ? value.ToString("F6", CultureInfo.InvariantCulture)
                    : value.ToString("F0", CultureInfo.InvariantCulture);
                var label = labels is not null && index < labels.Length ? ":" + labels[index] : "";
                BytesTensor.Append(text, Encoding.UTF8.GetBytes($"{number}:{index}{label}"));
            }
        }

        long[] answer = wanted.Rows == 1 && shape.Length < 2 ? [classes] : [wanted.Rows, classes];
        return (answer, text.Memory.ToArray());
    }

    private static double[] Values(TensorMetadata metadata, ReadOnlySpan<byte> data) => metadata.Type switch
    {
        ElementType.Float32 => Convert<float>(data),
        ElementType.Float64 => Convert<double>(data),
        ElementType.Int8 => Convert<sbyte>(data),
        ElementType.Int16 => Convert<short>(data),
        ElementType.Int32 => Convert<int>(data),
        ElementType.Int64 => Convert<long>(data),
        ElementType.UInt8 => Convert<byte>(data),
        ElementType.UInt16 => Convert<ushort>(data),
        ElementType.UInt32 => Convert<uint>(data),
        ElementType.UInt64 => Convert<ulong>(data),
        _ => throw RequestException.BadRequest(
            $"output '{metadata.Name}': {DataTypes.NameOf(metadata.Type)} cannot be classified"),
    };

    private static double[] Convert<T>(ReadOnlySpan<byte> data)
        where T : unmanaged, System.Numerics.INumber<T>
    {
        var from = MemoryMarshal.Cast<byte, T>(data);
        var to = new double[from.Length];
        for (var i = 0; i < to.Length; i++)
        {
            to[i] = double.CreateSaturating(from[i]);
        }

        return to;
    }

    private sealed class ClassifiedOutputs(ModelEntry entry, InferenceRequest request, IInferenceOutputs outputs)
        : IInferenceOutputs
    {
        private readonly Dictionary<int, (long[] Shape, byte[] Data)> _classes = [];

        public ReadOnlySpan<long> Shape(int output) => ClassesOf(output) is { } classes
            ? classes.Shape : outputs.Shape(output);

        public ReadOnlySpan<byte> Data(int output) => ClassesOf(output) is { } classes
            ? classes.Data : outputs.Data(output);

        public void Dispose() => outputs.Dispose();

        private (long[] Shape, byte[] Data)? ClassesOf(int output)
        {
            if (_classes.TryGetValue(output, out var known))
            {
                return known;
            }

            var wanted = request.Outputs.Find(wanted => wanted.Index == output && wanted.Classes > 0).Classes;
            if (wanted == 0)
            {
                return null;
            }

            var metadata = entry.Model!.Metadata.Outputs[output];
            var shape = outputs.Shape(output);
            var rows = entry.Configuration.MaxBatchSize > 0 && shape.Length > 0 ? (int)shape[0] : 1;
            return _classes[output] = Classify(
                metadata, shape, outputs.Data(output), (wanted, rows), entry.Labels.GetValueOrDefault(metadata.Name));
        }
    }
}
