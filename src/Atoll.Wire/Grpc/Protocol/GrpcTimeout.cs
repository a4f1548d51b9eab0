using System.Globalization;

namespace Atoll.Wire;

/// <summary>The form of <c>grpc-timeout</c>: 1 to 8 digits and a unit H, M, S, m, u or n.</summary>
internal static class GrpcTimeout
{
    private const int MaxDigits = 8;
    private const long MaxValue = 99_999_999;

    private static readonly (char Unit, long Ticks)[] Units =
    [
        ('u', TimeSpan.TicksPerMicrosecond), ('m', TimeSpan.TicksPerMillisecond), ('S', TimeSpan.TicksPerSecond),
        ('M', TimeSpan.TicksPerMinute), ('H', TimeSpan.TicksPerHour),
    ];

    /// <summary>The finest unit that holds the time, rounded up, so that nobody ends a call too early.</summary>
    public static string Encode(TimeSpan timeout)
    {
        var ticks = long.Max(0, timeout.Ticks);
        foreach (var (unit, size) in Units)
        {
            var value = (ticks / size) + (ticks % size == 0 ? 0 : 1);
            if (value <= MaxValue)
            {
                return string.Create(CultureInfo.InvariantCulture, $"{value}{unit}");
            }
        }

        return $"{MaxValue}H";
    }

    /// <summary>
    /// Is cancelled when the time has passed. Timers count whole milliseconds: it is rounded up, so that none fires
    /// early, and bounded by what they can hold, which is 49 days.
    /// </summary>
    public static CancellationTokenSource Start(TimeSpan timeout, TimeProvider clock)
    {
        var milliseconds = double.Clamp(double.Ceiling(timeout.TotalMilliseconds), 0, uint.MaxValue - 2);
        return new CancellationTokenSource(TimeSpan.FromMilliseconds(milliseconds), clock);
    }

    /// <summary>False when the text has another form.</summary>
    public static bool TryDecode(string text, out TimeSpan timeout)
    {
        timeout = default;
        if (text.Length is < 2 or > MaxDigits + 1 ||
            !long.TryParse(
                text.AsSpan(0, text.Length - 1), NumberStyles.None, CultureInfo.InvariantCulture, out var value))
        {
            return false;
        }

        if (text[^1] == 'n')
        {
            timeout = TimeSpan.FromTicks((value + 99) / 100);
            return true;
        }

        var ticks = Array.Find(Units, pair => pair.Unit == text[^1]).Ticks;
        timeout = TimeSpan.FromTicks(value * ticks);
        return ticks > 0;
    }
}
