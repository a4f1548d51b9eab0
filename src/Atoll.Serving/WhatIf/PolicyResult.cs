namespace Atoll.Serving;

/// <summary>What one policy makes of a load.</summary>
/// <param name="Policy">Its name.</param>
/// <param name="MaxRate99">Highest total rate, per second, with 99 % within objective; same mix, all devices.</param>
/// <param name="Goodput">Requests per second within objective at the given rates.</param>
/// <param name="LateShare">Answered late at the given rates.</param>
/// <param name="DroppedShare">Given up at the given rates.</param>
/// <param name="DevicesUsed">Devices that started a batch, mean over seconds, at the given rates.</param>
/// <param name="Outcome">The whole outcome at the given rates.</param>
public sealed record PolicyResult(
    string Policy,
    double MaxRate99,
    double Goodput,
    double LateShare,
    double DroppedShare,
    double DevicesUsed,
    SimulationOutcome Outcome);
