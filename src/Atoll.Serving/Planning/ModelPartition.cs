namespace Atoll.Serving;

/// <summary>
/// A model cut into consecutive stages, each with a profile under its own name, for models that no device can hold
/// whole. The stages run on different devices, one after the other.
/// </summary>
public sealed record ModelPartition(string Model, IReadOnlyList<string> StageModels);
