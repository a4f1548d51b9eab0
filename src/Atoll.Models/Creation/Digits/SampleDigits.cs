namespace Atoll.Models;

/// <summary>
/// Drawings of digits as a person's hand makes them, for trying the <c>digits</c> model on known answers.
/// </summary>
public static class SampleDigits
{
    /// <summary>
    /// Pixels of a drawing: 28x28, row-major, 0 (blank) to 1 (full ink), as <see cref="DigitImage"/> makes them.
    /// </summary>
    /// <param name="digit">0 to 9.</param>
    public static float[] Draw(int digit, Random random)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(digit);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(digit, 9);
        var image = new float[DigitImage.Side * DigitImage.Side];
        new DigitRenderer().Draw(digit, random, image);
        return image;
    }
}
