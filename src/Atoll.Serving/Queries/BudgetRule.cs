namespace Atoll.Serving;

/// <summary>What a stage's share of the objective pays for.</summary>
public enum BudgetRule
{
    /// <summary>
    /// Execution and gathering: l(b) + max(l(b), (b - 1) / rate). What the planner can keep; the default.
    /// </summary>
    Gathering,

    /// <summary>
    /// Twice the execution, as the released Nexus code plans: 2 l(b). Ignores that rare inputs gather slowly.
    /// </summary>
    TwiceExecution,

    /// <summary>Execution once, as the Nexus paper's constraint is written: l(b). Waiting is not paid for.</summary>
    Execution,
}
