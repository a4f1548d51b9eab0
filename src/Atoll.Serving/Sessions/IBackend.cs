using Atoll.Devices;
using Atoll.Models;

namespace Atoll.Serving;

/// <summary>
/// A device behind the frontend: one of this process, a simulated one, or one of another machine. Thread-safe.
/// </summary>
public interface IBackend : IAsyncDisposable
{
    /// <summary>Unique among the backends of a server, e.g. `cpu:0`.</summary>
    string Name { get; }

    /// <summary>Most bytes that all replicas together may take.</summary>
    long MemoryBytes { get; }

    /// <summary>
    /// Makes the model ready to run: weights there, programs built, each batch size run once. Batch sizes that are not
    /// worth it may be left out; larger requests then run in parts.
    /// </summary>
    /// <exception cref="DeviceException">It does not fit beside what is loaded.</exception>
    /// <exception cref="ModelException">It cannot be compiled, or its first run failed.</exception>
    Task<IReplica> LoadAsync(ReplicaSource source, CancellationToken cancellationToken);
}

/// <summary>A model that is ready on a backend. One batch per class at a time; disposing frees its memory.</summary>
public interface IReplica : IAsyncDisposable
{
    /// <summary>
    /// Batch sizes with a program of their own, ascending; a batch runs on the smallest that holds it.
    /// </summary>
    IReadOnlyList<int> Sizes { get; }

    /// <summary>Bytes of device memory in use, weights included.</summary>
    long MemoryBytes { get; }

    /// <summary>
    /// What each of <see cref="Sizes"/> takes, from a backend that knows; null: it is measured, and checked by running.
    /// </summary>
    BatchProfile? Profile => null;

    /// <summary>A real-time request has begun to arrive and will be ready to run soon.</summary>
    void Expect();

    /// <summary>
    /// Gathers the inputs of the batch, runs it and scatters the outputs. Cancelling stops it on the device.
    /// </summary>
    ValueTask<InferenceOutcome> RunAsync(ReplicaBatch batch, CancellationToken cancellationToken);
}

/// <summary>
/// What a backend loads: a model, with its graph once it was read in this process, or models that share a prefix. The
/// configuration gives class, priority and the largest batch; of models that share, those of the group.
/// </summary>
public sealed record ReplicaSource(ModelSource Source, ModelConfiguration Configuration)
{
    /// <summary>Null for models that share a prefix.</summary>
    public CompiledModel? Model { get; init; }

    /// <summary>Null for a model by itself.</summary>
    public PrefixPrograms? Shared { get; init; }

    /// <summary>Told why batches as large as the configuration allows were not prepared.</summary>
    public Action<string>? OnLimited { get; init; }

    /// <summary>All that is compiled for it, each once.</summary>
    public IReadOnlyList<CompiledModel> Programs => Shared is null
        ? [Model!]
        : [.. Shared.Suffixes.Select(suffix => suffix.Program).OfType<CompiledModel>().Append(Shared.Prefix)
            .Distinct()];
}
