namespace Atoll.Kernels;

/// <summary>Constants in the form that kernels of one kind read, in native memory of their own.</summary>
public interface IPackedWeights : IDisposable
{
    /// <summary>Native memory held, in bytes.</summary>
    long Bytes { get; }
}
