using System.Buffers;
using Atoll.Models;
using Atoll.Serving.Protobuf;
using Atoll.Wire;
using Google.Protobuf;

namespace Atoll.Serving;

/// <summary>
/// The answer of one request: a message whose raw tensors lie in pooled memory, valid until disposed. Device memory is
/// free as soon as it is written.
/// </summary>
internal sealed class InferAnswer : IDisposable
{
    private readonly PooledBytes _data;

    private InferAnswer(ModelInferResponse message, PooledBytes data)
    {
        Message = message;
        _data = data;
    }

    public ModelInferResponse Message { get; }

    /// <exception cref="RequestException">An output does not fit its shared memory.</exception>
    public static InferAnswer Write(ModelMetadata model, InferenceRequest request, IInferenceOutputs outputs)
    {
        var message = new ModelInferResponse
        {
            ModelName = model.Name,
            ModelVersion = model.Version,
            Id = request.Id ?? "",
        };
        var data = Gather(request, outputs);
        try
        {
            var offset = 0;
            foreach (var output in request.Outputs)
            {
                offset += Add(message, model.Outputs[output.Index], output, outputs, data.Memory[offset..]);
            }

            return new InferAnswer(message, data);
        }
        catch
        {
            data.Dispose();
            throw;
        }
    }

    public void Dispose() => _data.Dispose();

    private static PooledBytes Gather(InferenceRequest request, IInferenceOutputs outputs)
    {
        var inMessage = request.Outputs.FindAll(output => output.Region is null);
        var total = 0;
        foreach (var output in inMessage)
        {
            total = checked(total + outputs.Data(output.Index).Length);
        }

        var data = new PooledBytes(total);
        foreach (var output in inMessage)
        {
            data.Write(outputs.Data(output.Index));
        }

        return data;
    }

    /// <summary>Adds one output, whose data is at the start of what is left; how much of that it takes.</summary>
    private static int Add(
        ModelInferResponse message, TensorMetadata metadata, OutputRequest output, IInferenceOutputs outputs,
        ReadOnlyMemory<byte> left)
    {
        var data = outputs.Data(output.Index);
        var tensor = Describe(metadata.Name, Classification.TypeOf(output, metadata), outputs.Shape(output.Index));
        message.Outputs.Add(tensor);
        if (output.Region is not { } region)
        {
            message.RawOutputContents.Add(UnsafeByteOperations.UnsafeWrap(left[..data.Length]));
            return data.Length;
        }

        region.Write(data, metadata.Name);
        tensor.Parameters["shared_memory_region"] = new InferParameter { StringParam = region.Region };
        tensor.Parameters["shared_memory_offset"] = new InferParameter { Int64Param = region.Offset };
        tensor.Parameters["shared_memory_byte_size"] = new InferParameter { Int64Param = data.Length };
        // Clients find an output's data by its place among the outputs.
        message.RawOutputContents.Add(ByteString.Empty);
        return 0;
    }

    private static ModelInferResponse.Types.InferOutputTensor Describe(
        string name, ElementType type, ReadOnlySpan<long> shape)
    {
        var tensor = new ModelInferResponse.Types.InferOutputTensor
        {
            Name = name,
            Datatype = DataTypes.NameOf(type),
        };
        foreach (var dim in shape)
        {
            tensor.Shape.Add(dim);
        }

        return tensor;
    }
}
