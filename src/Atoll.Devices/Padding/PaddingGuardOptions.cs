namespace Atoll.Devices;

/// <summary>
/// How <see cref="PaddingGuard"/> measures and reacts. All counts are launches of one real-time program.
/// </summary>
public sealed record PaddingGuardOptions
{
    /// <summary>
    /// Most slowdown of real-time launches by padding, as a share of their unpadded time. Default 0.01.
    /// </summary>
    public double Budget { get; init; } = 0.01;

    /// <summary>
    /// While padding, every how many launches one runs unpadded as a control; at least 2. Default 16.
    /// </summary>
    public int ControlEvery { get; init; } = 16;

    /// <summary>Fewest launches of either kind before judging. Default 8.</summary>
    public int SamplesMin { get; init; } = 8;

    /// <summary>
    /// Weight of a padded launch in its moving average, 0 to 1 exclusive; that of a control is
    /// <see cref="ControlEvery"/> times as large (at most 1/2). Default 1/256.
    /// </summary>
    public double Smoothing { get; init; } = 1.0 / 256;

    /// <summary>
    /// Launches without padding after the first stop; doubles with each stop that follows. Default 256.
    /// </summary>
    public int PauseFirst { get; init; } = 256;

    /// <summary>Longest pause. Default 16384.</summary>
    public int PauseMax { get; init; } = 16384;

    /// <exception cref="DeviceException">A value out of range.</exception>
    internal void Validate()
    {
        Check(Budget is >= 0 and < 1, nameof(Budget), "0 to 1");
        Check(ControlEvery >= 2, nameof(ControlEvery), "at least 2");
        Check(SamplesMin >= 2, nameof(SamplesMin), "at least 2");
        Check(Smoothing is > 0 and < 1, nameof(Smoothing), "more than 0 and less than 1");
        Check(PauseFirst >= 1 && PauseMax >= PauseFirst, nameof(PauseFirst), "1 to PauseMax");
    }

    private static void Check(bool isValid, string name, string range)
    {
        if (!isValid)
        {
            throw new DeviceException(DeviceError.InvalidSetting, $"padding guard: {name} must be {range}");
        }
    }
}
