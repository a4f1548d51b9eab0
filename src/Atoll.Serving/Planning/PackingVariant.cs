namespace Atoll.Serving;

/// <summary>
/// One way to pack. Best fit is a heuristic; small requests are packed in several ways and the fewest devices win,
/// large ones once, because there every way comes out alike.
/// </summary>
/// <param name="TimeLeftPrice">How much a device's time left over counts against how much smaller batches take.</param>
/// <param name="LeftOverPrice">How much of what devices dealt in turn have left will find no use.</param>
/// <param name="Seed">Seed of the noise in the order of the shares; 0: strictly by size.</param>
internal sealed record PackingVariant(double TimeLeftPrice, double LeftOverPrice, int Seed)
{
    private const int MaxVariants = 24;
    private const int SessionsOnce = 600;

    private static readonly double[] TimeLeftPrices = [0.2, 0.05, 0.6];
    private static readonly double[] LeftOverPrices = [0.5, 0.2, 0.9];

    public static readonly PackingVariant Default = new(TimeLeftPrices[0], LeftOverPrices[0], 0);

    /// <summary>The ways to try for so many sessions; the first is <see cref="Default"/>.</summary>
    public static IEnumerable<PackingVariant> For(int sessions) =>
        Enumerable.Range(0, Math.Clamp(SessionsOnce / Math.Max(1, sessions), 1, MaxVariants))
            .Select(i => new PackingVariant(
            TimeLeftPrices[i % 3], LeftOverPrices[i / 3 % 3], i < 9 ? 0 : i));
}
