using Atoll.Models;

namespace Atoll.Serving;

/// <summary>
/// A model compiled as one program. Where its graph is kept, the program can be dropped while the model runs as part of
/// a group, and is compiled again when it leaves. Thread-safe.
/// </summary>
/// <param name="candidate">Null for a model that is never part of a group.</param>
internal sealed class WholeModel(CompiledModel compiled, CompileOptions options, PrefixCandidate? candidate)
    : IDisposable
{
    private readonly Lock _lock = new();
    private CompiledModel? _compiled = compiled;

    public IReadOnlyList<TensorSpec> Inputs { get; } = compiled.Inputs;

    public IReadOnlyList<TensorSpec> Outputs { get; } = compiled.Outputs;

    public bool IsStatic { get; } = compiled.IsStatic;

    /// <summary>Bytes of all constants before packing.</summary>
    public long WeightBytes { get; } = compiled.WeightBytes;

    public CompileOptions Options => options;

    public PrefixCandidate? Candidate => candidate;

    public CompiledModel Compiled
    {
        get
        {
            lock (_lock)
            {
                return _compiled ??= ModelCompiler.Compile(candidate!.Graph, options);
            }
        }
    }

    /// <summary>Frees the program until it is asked for again.</summary>
    public void Drop()
    {
        if (candidate is not null)
        {
            Dispose();
        }
    }

    public void Dispose()
    {
        lock (_lock)
        {
            _compiled?.Dispose();
            _compiled = null;
        }
    }
}
