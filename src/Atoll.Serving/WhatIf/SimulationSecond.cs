namespace Atoll.Serving;

/// <summary>One second of a simulation.</summary>
/// <param name="Requests">Those that arrived in it, by how they ended.</param>
/// <param name="DevicesUsed">Devices that started a batch in it.</param>
/// <param name="DevicesPlanned">Devices that the plan at its end may use.</param>
public sealed record SimulationSecond(OutcomeCount Requests, int DevicesUsed, int DevicesPlanned);
