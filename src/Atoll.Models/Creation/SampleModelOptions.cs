namespace Atoll.Models;

/// <summary>How a sample model is made.</summary>
public sealed record SampleModelOptions
{
    /// <summary>
    /// Factor on channel counts, rounded to multiples of 8 and at least 8; default 1, range 0.01 to 4.
    /// </summary>
    public double Width { get; init; } = 1;

    /// <summary>Seed of the weights; default 1.</summary>
    public int Seed { get; init; } = 1;

    /// <summary>
    /// Seed of the last layer's weights, so that models with one backbone differ; null = <see cref="Seed"/>. Only for
    /// networks that end in a pooled classifier.
    /// </summary>
    public int? HeadSeed { get; init; }

    /// <summary>
    /// Height and width of the input image in pixels; null for the published size (224, Inception-v3 299).
    /// </summary>
    public int? Image { get; init; }

    /// <summary>
    /// Items per inference, at most 256; 0 leaves the first dimension open, so that requests can be batched. Default 1.
    /// </summary>
    public int Batch { get; init; } = 1;

    /// <summary>Writes the weights to a second file, FILE.data; needed over 2 GB.</summary>
    public bool ExternalData { get; init; }

    /// <summary>A channel count after scaling by <see cref="Width"/>.</summary>
    internal int Scale(int channels) =>
        Math.Max(8, (int)Math.Round(channels * Width / 8, MidpointRounding.AwayFromZero) * 8);
}
