using Atoll.Devices;
using Atoll.Kernels;

namespace Atoll.Models;

/// <summary>Gives the storages of a lowered program their addresses on a device.</summary>
internal sealed class StorageBinding
{
    public required ArenaPlan Plan { get; init; }

    public required DeviceBuffer Arena { get; init; }

    public required IReadOnlyList<ModelTensor> Inputs { get; init; }

    public required IReadOnlyList<ModelTensor> Outputs { get; init; }

    /// <summary>Constants of the model, shared by its instances.</summary>
    public required DeviceWeights Shared { get; init; }

    /// <summary>Constants that exist for these input shapes only.</summary>
    public required DeviceWeights Own { get; init; }

    /// <summary>Chooses among forms of kernels by measurement; null: as modelled.</summary>
    public ConvolutionTuner? Tuner { get; init; }

    /// <summary>Who keeps a constant on the device.</summary>
    public DeviceWeights WeightsOf(Tensor tensor) => Shared.IsShared(tensor) ? Shared : Own;

    public TensorRef Ref(TensorView view)
    {
        var (buffer, start) = view.Storage.Kind switch
        {
            StorageKind.Input => (Inputs[view.Storage.Slot].Buffer, 0),
            StorageKind.Output => (Outputs[view.Storage.Slot].Buffer, 0),
            StorageKind.Constant => (WeightsOf(view.Storage.Constant!).Plain(view.Storage.Constant!), 0),
            _ => (Arena, Plan.Offsets[view.Storage]),
        };
        var elementBytes = view.Type.SizeInBytes();
        int[] shape = [.. view.Shape.Select(d => checked((int)d))];
        return new TensorRef(buffer, start + (view.Offset * elementBytes), elementBytes, shape, view.Strides);
    }
}
