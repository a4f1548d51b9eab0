namespace Atoll.Models;

/// <summary>Memory of one model for one set of input shapes, in bytes.</summary>
/// <param name="ArenaBytes">Shared arena of all intermediate results.</param>
/// <param name="UnsharedBytes">What the intermediate results would need without reuse.</param>
/// <param name="WeightBytes">Constants in the model, before packing.</param>
/// <param name="Steps">Kernel groups.</param>
public sealed record ModelStatistics(long ArenaBytes, long UnsharedBytes, long WeightBytes, int Steps)
{
    /// <summary>How many times over the arena is used; 1 means no reuse.</summary>
    public double ReuseFactor => ArenaBytes == 0 ? 1 : (double)UnsharedBytes / ArenaBytes;
}
