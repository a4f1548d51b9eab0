namespace Atoll.Serving;

/// <summary>From this time on all rates are multiplied by the factor.</summary>
public readonly record struct RateStep(TimeSpan At, double Factor);
