namespace Atoll.Kernels;

/// <summary>
/// Constant floats that packing reads piece by piece, so that they need not all lie in memory beside the packed form.
/// Not thread-safe.
/// </summary>
public abstract class FloatSource
{
    public abstract long Count { get; }

    /// <summary>Some of the floats; what is returned holds until the next call.</summary>
    public abstract ReadOnlySpan<float> Read(long start, int count);
}
