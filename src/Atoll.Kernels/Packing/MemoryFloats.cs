namespace Atoll.Kernels;

/// <summary>Floats at an address that the caller keeps fixed meanwhile.</summary>
internal sealed unsafe class MemoryFloats(float* values, int count) : FloatSource
{
    public override long Count => count;

    public override ReadOnlySpan<float> Read(long start, int count) =>
        new ReadOnlySpan<float>(values, (int)Count).Slice(checked((int)start), count);
}
