using Atoll.Serving;

namespace Atoll;

/// <summary>How a server serves models in sessions.</summary>
internal sealed record SessionSetup
{
    public SessionDirectorOptions Options { get; init; } = new();

    /// <summary>Says where measured choices of kernels are kept; null: kernels are chosen as modelled.</summary>
    public ModelsSection? Models { get; init; }

    /// <summary>
    /// Devices that only take the time of a profile, in place of the real ones; empty: the real ones.
    /// </summary>
    public IReadOnlyList<IBackend> Simulated { get; init; } = [];
}
