using Atoll.Devices;

namespace Atoll.Models;

/// <summary>
/// A compiled model with memory of its own on a device: write the inputs, submit a launch of the program, read the
/// outputs. Running allocates nothing. One launch at a time; not thread-safe.
/// </summary>
public sealed class ModelInstance : IDisposable
{
    private readonly CompiledModel? _model;
    private readonly List<DeviceBuffer> _buffers = [];
    private readonly DeviceWeights _own;
    private bool _disposed;

    internal ModelInstance(CompiledModel? model, LoweredProgram lowered, DeviceWeights shared, DeviceClient client)
    {
        _model = model;
        _own = new DeviceWeights(client.Device, client, new HashSet<Tensor>());
        try
        {
            Inputs = [.. lowered.Inputs.Select(spec => AllocateTensor(spec, client))];
            Outputs = [.. lowered.Outputs.Select(spec => AllocateTensor(spec, client))];
            Program = Load(lowered, shared, client);
            Statistics = lowered.Statistics;
        }
        catch
        {
            FreeBuffers();
            throw;
        }
    }

    public Program Program { get; }

    public IReadOnlyList<ModelTensor> Inputs { get; }

    public IReadOnlyList<ModelTensor> Outputs { get; }

    public ModelStatistics Statistics { get; }

    public Device Device => Program.Device;

    public ModelTensor Input(int index) => Inputs[index];

    public ModelTensor Output(int index) => Outputs[index];

    /// <summary>Frees all memory of the instance; no launch of its program may be queued or running.</summary>
    public void Dispose()
    {
        if (!_disposed)
        {
            _disposed = true;
            FreeBuffers();
            _model?.Release(Device);
        }
    }

    private Program Load(LoweredProgram lowered, DeviceWeights shared, DeviceClient client)
    {
        var binding = new StorageBinding
        {
            Plan = lowered.Arena,
            Arena = Allocate(lowered.Arena.Bytes, client),
            Inputs = Inputs,
            Outputs = Outputs,
            Shared = shared,
            Own = _own,
            Tuner = _model?.Tuner,
        };
        var kernels = lowered.Steps.SelectMany(step => Emit(lowered, step, binding)).ToArray();
        return client.Device.Load(lowered.Name, kernels.Length > 0 ? kernels : [new EmptyKernel()]);
    }

    private static List<CpuKernel> Emit(LoweredProgram lowered, LoweredStep step, StorageBinding binding)
    {
        try
        {
            return [.. step.Emit(binding)];
        }
        catch (Exception e) when (e is NotSupportedException or ArgumentException or OverflowException)
        {
            throw new ModelException(ModelError.UnsupportedOperator,
                $"model '{lowered.Name}', step '{step.Name}': {e.Message}", e);
        }
    }

    private ModelTensor AllocateTensor(TensorSpec spec, DeviceClient client)
    {
        var bytes = spec.Shape.Aggregate((long)spec.Type.SizeInBytes(), (a, b) => checked(a * b));
        return new ModelTensor(spec, Allocate(bytes, client));
    }

    private DeviceBuffer Allocate(long bytes, DeviceClient client)
    {
        var buffer = client.Device.Allocate(Math.Max(ArenaPlan.AlignmentBytes, bytes), client);
        _buffers.Add(buffer);
        return buffer;
    }

    private void FreeBuffers()
    {
        _own.Dispose();
        foreach (var buffer in _buffers)
        {
            buffer.Dispose();
        }
    }
}
