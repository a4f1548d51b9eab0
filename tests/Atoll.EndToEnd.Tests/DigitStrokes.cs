namespace Atoll.EndToEnd.Tests;

/// <summary>How a person's hand draws each digit: strokes of points in a square of side 1, y downwards.</summary>
internal static class DigitStrokes
{
    public static IReadOnlyList<(double X, double Y)[]> Of(int digit) => digit switch
    {
        0 => [[.. Arc((0.5, 0.5), (0.23, 0.36), 270, -90)]],
        1 => [[(0.4, 0.24), (0.53, 0.12), (0.52, 0.5), (0.51, 0.88)]],
        2 => [[.. Arc((0.5, 0.33), (0.23, 0.2), 190, 390), (0.28, 0.86), (0.77, 0.85)]],
        3 => [[.. Arc((0.47, 0.31), (0.22, 0.18), 205, 445), .. Arc((0.47, 0.68), (0.25, 0.2), 280, 510)]],
        4 => [[(0.58, 0.12), (0.25, 0.6), (0.8, 0.59)], [(0.62, 0.34), (0.61, 0.9)]],
        5 => [[(0.74, 0.13), (0.36, 0.14), (0.33, 0.46), .. Arc((0.47, 0.65), (0.25, 0.22), 240, 500)]],
        6 => [[.. Arc((0.68, 0.66), (0.4, 0.54), 265, 190), .. Arc((0.5, 0.68), (0.21, 0.2), 180, -190)]],
        7 => [[(0.25, 0.15), (0.75, 0.14), (0.6, 0.45), (0.45, 0.88)]],
        8 => [[.. Arc((0.5, 0.3), (0.18, 0.17), 90, -270), .. Arc((0.5, 0.67), (0.22, 0.2), 270, 630)]],
        9 => [[.. Arc((0.5, 0.34), (0.21, 0.21), 0, -360), (0.7, 0.55), (0.64, 0.88)]],
        _ => throw new ArgumentOutOfRangeException(nameof(digit)),
    };

    /// <summary>Angles in degrees, 0 to the right, growing clockwise because y grows downwards.</summary>
    private static IEnumerable<(double X, double Y)> Arc(
        (double X, double Y) centre, (double X, double Y) radius, double from, double to)
    {
        const int Points = 24;
        for (var i = 0; i <= Points; i++)
        {
            var (sine, cosine) = Math.SinCos((from + ((to - from) * i / Points)) * Math.PI / 180);
            yield return (centre.X + (radius.X * cosine), centre.Y + (radius.Y * sine));
        }
    }
}
