using System.Runtime.InteropServices;
using Atoll.Devices;
using Atoll.Models;

namespace Atoll.Serving;

/// <summary>
/// A model of which clients see only part: some inputs are filled by the server, from the place in a sequence, from
/// kept state or from request parameters, and some outputs are the server's to read. Thread-safe.
/// </summary>
internal sealed class BoundModel : IServedModel
{
    private readonly IServedModel _inner;
    private readonly InputBinding[] _inputs;
    private readonly int[] _outputs;
    private readonly int[] _stateOutputs;
    private readonly IReadOnlyList<StateTensor> _states;

    private BoundModel(IServedModel inner, ModelConfiguration configuration, TimeProvider clock)
    {
        _inner = inner;
        _states = configuration.Sequence?.State ?? configuration.Iteration?.State ?? [];
        var inputs = inner.Metadata.Inputs;
        var outputs = inner.Metadata.Outputs;
        var client = 0;
        _inputs = Array.ConvertAll(inputs, input => InputBinding.For(input, configuration, _states, ref client));
        _stateOutputs = [.. _states.Select(state => IndexOf(outputs, state.OutputName, "state output"))];
        ContinueOutput = IndexOf(outputs, configuration.Iteration?.ContinueOutput, "continue_output");
        DelayOutput = IndexOf(outputs, configuration.Iteration?.DelayOutput, "delay_output");
        int[] hidden = [.. _stateOutputs, ContinueOutput, DelayOutput];
        _outputs = [.. Enumerable.Range(0, outputs.Length).Where(index => !hidden.Contains(index))];
        CheckNames(configuration, inputs);
        Metadata = inner.Metadata with
        {
            Inputs = [.. inputs.Where((_, i) => _inputs[i].IsClients)],
            Outputs = [.. _outputs.Select(index => outputs[index])],
        };
        Initial = [.. _states.Select(state => InitialOf(state, Array.Find(inputs, i => i.Name == state.InputName)!))];
        Iteration = configuration.Iteration;
        Sequences = configuration.Sequence is { } sequence
            ? new SequenceBook(Metadata.Name, sequence, Initial, clock)
            : null;
    }

    public ModelMetadata Metadata { get; }

    /// <summary>The model as it is.</summary>
    public IServedModel Inner => _inner;

    public long MemoryBytes => _inner.MemoryBytes;

    /// <summary>Null when requests stand alone.</summary>
    public SequenceBook? Sequences { get; }

    /// <summary>Null when each request has one answer.</summary>
    public IterationConfiguration? Iteration { get; }

    /// <summary>State before the first step.</summary>
    public IReadOnlyList<InputTensor> Initial { get; }

    private int ContinueOutput { get; }

    private int DelayOutput { get; }

    /// <summary>The model itself where the configuration binds nothing.</summary>
    /// <exception cref="ServingException">The configuration names tensors that the model does not have.</exception>
    public static IServedModel Bind(IServedModel inner, ModelConfiguration configuration, TimeProvider clock) =>
        configuration is { Sequence: null, Iteration: null, ParameterInputs.Count: 0 }
            ? inner
            : new BoundModel(inner, configuration, clock);

    public int Slots(WorkClass workClass) => _inner.Slots(workClass);

    public void Expect() => _inner.Expect();

    /// <summary>Runs one step: reads the request's state and, when completed, writes it.</summary>
    public async ValueTask<InferenceOutcome> InferAsync(InferenceRequest request, CancellationToken cancellationToken)
    {
        using var full = new InferenceRequest
        {
            Id = request.Id,
            Inputs = new InputTensor[_inputs.Length],
            Class = request.Class,
            Priority = request.Priority,
            Arrival = request.Arrival,
            Deadline = request.Deadline,
        };
        for (var i = 0; i < _inputs.Length; i++)
        {
            if (_inputs[i].TryFill(request, out full.Inputs[i]) is { } reason)
            {
                return new InferenceOutcome(InferenceStatus.Rejected, null, reason);
            }
        }

        for (var i = 0; i < _inner.Metadata.Outputs.Length; i++)
        {
            full.Outputs.Add(new OutputRequest(i, true));
        }

        var outcome = await _inner.InferAsync(full, cancellationToken);
        if (outcome.Outputs is not { } outputs)
        {
            return outcome;
        }

        for (var i = 0; i < _stateOutputs.Length; i++)
        {
            request.State!.Set(i, outputs.Shape(_stateOutputs[i]), outputs.Data(_stateOutputs[i]));
        }

        return outcome with { Outputs = new VisibleOutputs(this, outputs) };
    }

    public ValueTask DisposeAsync() => _inner.DisposeAsync();

    /// <summary>Whether another step follows, and how long to wait before this one's answer.</summary>
    public (bool Continues, TimeSpan Delay) ReadSignals(IInferenceOutputs outputs)
    {
        var inner = ((VisibleOutputs)outputs).Inner;
        var continues = inner.Data(ContinueOutput).ContainsAnyExcept((byte)0);
        if (DelayOutput < 0 || inner.Data(DelayOutput).IsEmpty)
        {
            return (continues, TimeSpan.Zero);
        }

        var milliseconds = Number(inner.Data(DelayOutput), _inner.Metadata.Outputs[DelayOutput].Type);
        return (continues, TimeSpan.FromMilliseconds(double.Clamp(milliseconds, 0, 86_400_000)));
    }

    private static double Number(ReadOnlySpan<byte> data, ElementType type) => type switch
    {
        ElementType.Float32 => MemoryMarshal.Read<float>(data),
        ElementType.Float64 => MemoryMarshal.Read<double>(data),
        ElementType.Int32 => MemoryMarshal.Read<int>(data),
        ElementType.UInt32 => MemoryMarshal.Read<uint>(data),
        ElementType.Int64 => MemoryMarshal.Read<long>(data),
        _ => 0,
    };

    private static int IndexOf(TensorMetadata[] tensors, string? name, string what)
    {
        var index = Array.FindIndex(tensors, tensor => tensor.Name == name);
        return index >= 0 || string.IsNullOrEmpty(name)
            ? index
            : throw new ServingException(ServingError.InvalidSetting, $"{what} '{name}' is not the model's");
    }

    private static void CheckNames(ModelConfiguration configuration, TensorMetadata[] inputs)
    {
        var names = (configuration.Sequence?.ControlInput ?? []).Select(control => control.Name)
            .Concat((configuration.Sequence?.State ?? configuration.Iteration?.State ?? []).Select(s => s.InputName))
            .Concat(configuration.ParameterInputs.Select(input => input.Input));
        if (names.FirstOrDefault(name => inputs.All(input => input.Name != name)) is { } unknown)
        {
            throw new ServingException(ServingError.InvalidSetting, $"input '{unknown}' is not the model's; it has " +
                string.Join(", ", inputs.Select(input => $"'{input.Name}'")));
        }
    }

    /// <summary>Zeros; a variable dimension is one element, or as many as the initial state says.</summary>
    private static InputTensor InitialOf(StateTensor state, TensorMetadata input)
    {
        if (input.Type == ElementType.String)
        {
            throw new ServingException(
                ServingError.InvalidSetting, $"state '{input.Name}' is BYTES; state must be numbers");
        }

        var dims = state.InitialState is [{ Dims: { } given }, ..] ? given : state.Dims;
        var shape = new long[input.Shape.Length];
        for (var i = 0; i < shape.Length; i++)
        {
            var place = i - (shape.Length - (dims?.Length ?? 0));
            var wanted = dims is not null && place >= 0 && dims[place] >= 0 ? dims[place] : 1;
            shape[i] = input.Shape[i] >= 0 ? input.Shape[i] : wanted;
        }

        var count = DataTypes.Count(shape, 1 << 28);
        return count >= 0
            ? new InputTensor(shape, new byte[count * input.Type.SizeInBytes()])
            : throw new ServingException(
                ServingError.InvalidSetting, $"state '{input.Name}' {DataTypes.Show(shape)} is too large");
    }

    private sealed class VisibleOutputs(BoundModel model, IInferenceOutputs inner) : IInferenceOutputs
    {
        public IInferenceOutputs Inner => inner;

        public ReadOnlySpan<long> Shape(int output) => inner.Shape(model._outputs[output]);

        public ReadOnlySpan<byte> Data(int output) => inner.Data(model._outputs[output]);

        public void Dispose() => inner.Dispose();
    }
}
