using System.Runtime.InteropServices;
using Atoll.Devices;
using Atoll.Models;
using Atoll.Serving;

namespace Atoll.Tests;

/// <summary>Adds its inputs `a` and `b`, two rows of floats, on the calling thread.</summary>
internal sealed class SumModel : IServedModel, IModelLoader
{
    public InferenceRequest? Last { get; private set; }

    public ModelMetadata Metadata { get; } = new()
    {
        Name = "sum",
        Inputs = [new("a", ElementType.Float32, [2, -1]), new("b", ElementType.Float32, [2, -1])],
        Outputs = [new("c", ElementType.Float32, [2, -1])],
    };

    public int Slots(WorkClass workClass) => 1;

    public void Expect()
    {
    }

    public Task<IServedModel> LoadAsync(
        ModelSource source, ModelConfiguration configuration, CancellationToken cancellationToken) =>
        Task.FromResult<IServedModel>(this);

    public ValueTask<InferenceOutcome> InferAsync(InferenceRequest request, CancellationToken cancellationToken)
    {
        Last = request;
        var a = MemoryMarshal.Cast<byte, float>(request.Inputs[0].Data.Span);
        var b = MemoryMarshal.Cast<byte, float>(request.Inputs[1].Data.Span);
        var c = new float[a.Length];
        for (var i = 0; i < c.Length; i++)
        {
            c[i] = a[i] + b[i];
        }

        return ValueTask.FromResult(new InferenceOutcome(
            InferenceStatus.Completed, new Sum(request.Inputs[0].Shape, MemoryMarshal.AsBytes<float>(c).ToArray())));
    }

    public ValueTask DisposeAsync() => ValueTask.CompletedTask;

    private sealed class Sum(long[] shape, byte[] data) : IInferenceOutputs
    {
        public ReadOnlySpan<long> Shape(int output) => shape;

        public ReadOnlySpan<byte> Data(int output) => data;

        public void Dispose()
        {
        }
    }
}
