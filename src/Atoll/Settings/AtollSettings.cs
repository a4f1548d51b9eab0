using Atoll.Devices;
using Microsoft.Extensions.Logging;

namespace Atoll;

/// <summary>
/// All settings with their defaults. `SettingsTable` says for each its unit, allowed values and meaning;
/// `SettingsLoader` fills them from flags, environment and file.
/// </summary>
internal sealed class AtollSettings
{
    public DeviceSection Device { get; } = new();

    public LogSection Log { get; } = new();
}

/// <summary>The device that computes.</summary>
internal sealed class DeviceSection
{
    public string Name { get; set; } = "cpu";

    public ShareMode Mode { get; set; } = ShareMode.ResetPadding;

    public double MemoryGib { get; set; }

    public double SpinUs { get; set; } = 60;

    public double StarvationLimitMs { get; set; } = 100;

    public double PaddingBudget { get; set; } = 0.01;
}

/// <summary>What the process says about itself, on its error stream.</summary>
internal sealed class LogSection
{
    public LogFormat Format { get; set; } = LogFormat.Text;

    public LogLevel Level { get; set; } = LogLevel.Information;
}
