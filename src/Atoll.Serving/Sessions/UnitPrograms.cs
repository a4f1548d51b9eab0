namespace Atoll.Serving;

/// <summary>The compiled programs of a <see cref="HostedUnit"/>: where they come from and how they are freed.</summary>
/// <param name="File">What errors and profiles name.</param>
/// <param name="Whole">Null for models that share a prefix.</param>
/// <param name="Shared">Null for a model by itself.</param>
/// <param name="Drop">Frees them.</param>
internal sealed record UnitPrograms(ModelSource File, WholeModel? Whole, PrefixPrograms? Shared, Action Drop)
{
    public ReplicaSource Source(ModelConfiguration configuration) =>
        new(File, configuration) { Model = Whole?.Compiled, Shared = Shared };
}
