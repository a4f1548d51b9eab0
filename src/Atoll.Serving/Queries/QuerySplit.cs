namespace Atoll.Serving;

/// <summary>One stage's share of a query's objective.</summary>
/// <param name="Stage">The stage's name.</param>
/// <param name="Model">The stage's model.</param>
/// <param name="Budget">The stage's own objective.</param>
/// <param name="Batch">The batch that the budget was chosen for.</param>
/// <param name="Rate">Inputs per second.</param>
/// <param name="Devices">Devices needed for them if devices could be divided at will.</param>
public sealed record StageBudget(string Stage, string Model, TimeSpan Budget, int Batch, double Rate, double Devices);

/// <summary>How a query's objective is divided among its stages.</summary>
public sealed record QuerySplit
{
    public required Query Query { get; init; }

    public required IReadOnlyList<StageBudget> Stages { get; init; }

    /// <summary>Devices needed for all stages.</summary>
    public required double Devices { get; init; }

    /// <summary>No division of the objective needs fewer devices than this.</summary>
    public required double LowerBound { get; init; }

    /// <summary>How it was found, in one line.</summary>
    public required string Why { get; init; }

    /// <summary>One session per stage, named QUERY/STAGE.</summary>
    public IReadOnlyList<SessionSpec> ToSessions() =>
        [.. Stages.Select(s => new SessionSpec($"{Query.Name}/{s.Stage}", s.Model, s.Budget, s.Rate))];
}
