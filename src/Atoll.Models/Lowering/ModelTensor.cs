using Atoll.Devices;

namespace Atoll.Models;

/// <summary>
/// An input or output of a model instance: its concrete shape and its row-major elements in device memory.
/// </summary>
public sealed class ModelTensor
{
    internal ModelTensor(TensorSpec spec, DeviceBuffer buffer)
    {
        Spec = spec;
        Buffer = buffer;
        Bytes = spec.Shape.Aggregate((long)spec.Type.SizeInBytes(), (a, b) => checked(a * b));
    }

    public TensorSpec Spec { get; }

    public DeviceBuffer Buffer { get; }

    /// <summary>Size of the elements; the buffer may be a little larger.</summary>
    public long Bytes { get; }

    /// <summary>
    /// The elements; valid until the instance is disposed. Write inputs and read outputs only while no launch runs.
    /// </summary>
    /// <exception cref="InvalidOperationException">The element size of T is not that of the tensor's type.</exception>
    public unsafe Span<T> AsSpan<T>() where T : unmanaged
    {
        if (sizeof(T) != Spec.Type.SizeInBytes() && typeof(T) != typeof(byte))
        {
            throw new InvalidOperationException($"'{Spec.Name}' holds {Spec.Type}, not elements of {sizeof(T)} bytes");
        }

        return new Span<T>(Buffer.Pointer, checked((int)(Bytes / sizeof(T))));
    }
}
