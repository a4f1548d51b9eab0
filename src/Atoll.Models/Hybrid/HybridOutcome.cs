using Atoll.Devices;

namespace Atoll.Models;

/// <summary>How a run of a hybrid model ended.</summary>
/// <param name="Status">Completed, or why not.</param>
/// <param name="Submitted">What the device answered to the last launch; not accepted means that it never ran.</param>
/// <param name="Outputs">The results, in the model's order; empty unless completed.</param>
/// <param name="Failure">What failed, or null.</param>
public sealed record HybridOutcome(LaunchStatus Status, SubmitResult Submitted, IReadOnlyList<ModelValue> Outputs,
    Exception? Failure = null);

/// <summary>Ends a run whose launch was refused or did not complete, from however deep in loops it was.</summary>
internal sealed class LaunchEndedException(HybridOutcome outcome)
    : Exception($"a launch ended: {outcome.Status}, {outcome.Submitted}", outcome.Failure)
{
    public HybridOutcome Outcome => outcome;
}
