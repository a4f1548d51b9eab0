using Atoll.Devices;
using Atoll.Models;
using Atoll.Serving;
using Microsoft.Extensions.Logging;

namespace Atoll;

/// <summary>
/// All settings with their defaults. `SettingsTable` says for each its unit, allowed values and meaning;
/// `SettingsLoader` fills them from flags, environment and file.
/// </summary>
internal sealed class AtollSettings
{
    public DeviceSection Device { get; } = new();

    public ServingSection Serving { get; } = new();

    public ModelsSection Models { get; } = new();

    public LogSection Log { get; } = new();
}

/// <summary>The device that computes.</summary>
internal sealed class DeviceSection
{
    public string Name { get; set; } = "cpu";

    public string Cores { get; set; } = "";

    public string Simulated { get; set; } = "";

    public ShareMode Mode { get; set; } = ShareMode.ResetPadding;

    public PolicyName Policy { get; set; } = PolicyName.Priority;

    public double MemoryGib { get; set; }

    public SchedulingName Scheduling { get; set; } = SchedulingName.Auto;

    public double SpinUs { get; set; } = 60;

    public double StarvationLimitMs { get; set; } = 100;

    public double PaddingBudget { get; set; } = 0.01;
}

/// <summary>The HTTP server. The options hold their own defaults.</summary>
internal sealed class ServingSection
{
    public string Models { get; set; } = "";

    public string LoadModels { get; set; } = "";

    public string Tokens { get; set; } = "";

    public string Certificate { get; set; } = "";

    public string CertificateKey { get; set; } = "";

    public string GrpcPort { get; set; } = GrpcPortSetting.Auto;

    public double PrefixShare { get; set; } = new SessionDirectorOptions().PrefixShare;

    public ServingOptions Options { get; set; } = new() { Version = VersionCommand.Read().Version };
}

/// <summary>What a model may ask of this machine, and how its kernels are chosen.</summary>
internal sealed class ModelsSection
{
    public ModelLimits Limits { get; set; } = ModelLimits.Default;

    public string TuningCache { get; set; } = Atoll.TuningCache.Auto;

    public double TuningBudgetMs { get; set; } = 50;
}

/// <summary>What the process says about itself, on its error stream.</summary>
internal sealed class LogSection
{
    public LogFormat Format { get; set; } = LogFormat.Text;

    public LogLevel Level { get; set; } = LogLevel.Information;
}
