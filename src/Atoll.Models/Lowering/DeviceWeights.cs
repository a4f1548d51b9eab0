using Atoll.Devices;
using Atoll.Kernels;

namespace Atoll.Models;

/// <summary>
/// The constants of one compiled model on one device, plain and packed for the kernels; made at first use, shared by
/// all instances, freed with the model. All their bytes count in the budget of the client that made the first instance.
/// Thread-safe.
/// </summary>
internal sealed class DeviceWeights(Device device, DeviceClient? client, IReadOnlySet<Tensor> shared) : IDisposable
{
    private readonly Lock _lock = new();
    private readonly Dictionary<Tensor, DeviceBuffer> _plain = new(ReferenceEqualityComparer.Instance);
    private readonly Dictionary<(Tensor Weights, Tensor? Bias, string Form), IPackedWeights> _packed = [];
    private readonly List<MemoryCharge> _charges = [];

    public Device Device => device;

    /// <summary>Bytes of plain constants on the device.</summary>
    public long PlainBytes { get; private set; }

    /// <summary>Bytes of packed constants, which lie beside the device's buffers.</summary>
    public long PackedBytes { get; private set; }

    /// <summary>Whether the tensor is one of the model's own rather than made for some input shapes.</summary>
    public bool IsShared(Tensor tensor) => shared.Contains(tensor);

    /// <summary>The tensor as it is, row-major.</summary>
    public DeviceBuffer Plain(Tensor tensor)
    {
        lock (_lock)
        {
            if (!_plain.TryGetValue(tensor, out var buffer))
            {
                buffer = Filled(tensor);
                PlainBytes += buffer.Length;
                _plain.Add(tensor, buffer);
            }

            return buffer;
        }
    }

    /// <summary>
    /// Weights and bias packed for a kind of kernel; the form names everything else that the packing depends on. Packed
    /// weights lie in native memory of their own, which is charged to the device like a buffer.
    /// </summary>
    /// <exception cref="DeviceException">The device's memory or the client's budget is exceeded.</exception>
    public T Packed<T>(Tensor weights, Tensor? bias, string form, Func<T> pack) where T : class, IPackedWeights
    {
        lock (_lock)
        {
            if (!_packed.TryGetValue((weights, bias, form), out var packed))
            {
                _packed.Add((weights, bias, form), packed = Charged(pack()));
            }

            return (T)packed;
        }
    }

    /// <summary>The same, of weights that are floats.</summary>
    public T Packed<T>(Tensor weights, Tensor? bias, string form, Func<FloatSource, T> pack)
        where T : class, IPackedWeights => Packed(weights, bias, form, () =>
    {
        using var source = new TensorFloats(weights);
        return pack(source);
    });

    public void Dispose()
    {
        lock (_lock)
        {
            foreach (var resource in _plain.Values.Concat<IDisposable>(_packed.Values).Concat(_charges))
            {
                resource.Dispose();
            }

            _plain.Clear();
            _packed.Clear();
            _charges.Clear();
        }
    }

    private DeviceBuffer Filled(Tensor tensor)
    {
        var buffer = device.Allocate(Math.Max(1, tensor.ByteCount), client);
        try
        {
            tensor.CopyTo(0, buffer.AsSpan<byte>()[..checked((int)tensor.ByteCount)]);
            return buffer;
        }
        catch
        {
            // The model's file has changed.
            buffer.Dispose();
            throw;
        }
    }

    private T Charged<T>(T packed) where T : class, IPackedWeights
    {
        try
        {
            _charges.Add(device.Charge(packed.Bytes, client));
            PackedBytes += packed.Bytes;
            return packed;
        }
        catch
        {
            packed.Dispose();
            throw;
        }
    }
}
