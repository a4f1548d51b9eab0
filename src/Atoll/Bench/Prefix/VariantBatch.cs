using Atoll.Devices;
using Atoll.Models;

namespace Atoll;

/// <summary>A batch of a model with an open first dimension.</summary>
internal static class VariantBatch
{
    public static ModelInstance Instantiate(CompiledModel model, CpuDevice device, int batch) => model.Instantiate(
        device, null, [.. model.Inputs.Select(input => (long[])[batch, .. input.Shape.Skip(1)])]);

    /// <summary>Fills row i with what request number first + i sends, the same wherever the row lies.</summary>
    public static void FillRows(ModelTensor input, int first)
    {
        var rows = (int)input.Spec.Shape[0];
        var data = input.AsSpan<byte>();
        for (var row = 0; row < rows; row++)
        {
            var bytes = data.Length / rows;
            RandomInput.Fill(
                input.Spec.Name, input.Spec.Type, data.Slice(row * bytes, bytes), new Random(first + row));
        }
    }

    public static void Run(ModelInstance instance, DeviceStream stream)
    {
        var launch = new Launch(instance.Program);
        stream.Submit(launch);
        if (launch.Wait() != LaunchStatus.Completed)
        {
            throw new InvalidOperationException($"a launch ended {launch.Status}: {launch.Failure?.Message}");
        }
    }
}
