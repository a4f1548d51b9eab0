using System.Buffers;
using Atoll.Serving.Protobuf;
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

    public static InferAnswer Write(ModelMetadata model, InferenceRequest request, IInferenceOutputs outputs)
    {
        var message = new ModelInferResponse
        {
            ModelName = model.Name,
            ModelVersion = model.Version,
            Id = request.Id ?? "",
        };
        var data = Gather(request, outputs);
        var offset = 0;
        foreach (var output in request.Outputs)
        {
            var length = outputs.Data(output.Index).Length;
            message.Outputs.Add(Describe(output, model.Outputs[output.Index], outputs.Shape(output.Index)));
            message.RawOutputContents.Add(UnsafeByteOperations.UnsafeWrap(data.Memory.Slice(offset, length)));
            offset += length;
        }

        return new InferAnswer(message, data);
    }

    public void Dispose() => _data.Dispose();

    private static PooledBytes Gather(InferenceRequest request, IInferenceOutputs outputs)
    {
        var total = 0;
        foreach (var output in request.Outputs)
        {
            total = checked(total + outputs.Data(output.Index).Length);
        }

        var data = new PooledBytes(total);
        foreach (var output in request.Outputs)
        {
            data.Write(outputs.Data(output.Index));
        }

        return data;
    }

    private static ModelInferResponse.Types.InferOutputTensor Describe(
        OutputRequest output, TensorMetadata metadata, ReadOnlySpan<long> shape)
    {
        var tensor = new ModelInferResponse.Types.InferOutputTensor
        {
            Name = metadata.Name,
            Datatype = DataTypes.NameOf(Classification.TypeOf(output, metadata)),
        };
        foreach (var dim in shape)
        {
            tensor.Shape.Add(dim);
        }

        return tensor;
    }
}
