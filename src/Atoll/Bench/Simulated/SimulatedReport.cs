namespace Atoll;

/// <summary>What `atoll bench simulate` found; all in virtual time but the dispatcher's microseconds.</summary>
internal sealed record SimulatedReport(
    string Machine,
    int Seed,
    IReadOnlyList<DropRuleRow> DropRules,
    IReadOnlyList<MixRow> Mixes,
    IReadOnlyList<PartLoadRow> PartLoads,
    SurgeRow Surge);

/// <summary>
/// Early against lazy drop on one device: highest rate at 99 %, and goodput when 1.2 and 2 times the capacity arrive.
/// </summary>
internal sealed record DropRuleRow(
    double AlphaMs, double LazyMaxRate, double EarlyMaxRate, double EarlyGoodput12, double EarlyGoodput20);

/// <summary>
/// Highest rate at 99 % of one policy on one mix, and its goodput at 1.2 and 2 times ours' highest rate.
/// </summary>
internal sealed record MixRow(
    string Mix, string Policy, double MaxRate, double RatioToNexus, double Goodput12, double Goodput20);

/// <summary>One policy at a part of ours' highest rate.</summary>
internal sealed record PartLoadRow(
    string Mix, string Policy, double Load, double GoodShare, double DevicesBusy, double MeanBatch, double DispatchUs);

/// <summary>A hundred devices whose load doubles within a second for a minute.</summary>
internal sealed record SurgeRow(
    int Devices,
    int AbsorbedSeconds,
    double BadShare,
    double DevicesBefore,
    double DevicesDuring,
    double DevicesAfter,
    int Plans,
    double DispatchUs);
