namespace Atoll.Serving;

/// <summary>
/// Keeps state between the requests of a sequence: the `sequence_batching` of a model's configuration.
/// </summary>
/// <param name="MaxSequenceIdleMicroseconds">A sequence without a request for so long is forgotten.</param>
/// <param name="MaxSequences">Sequences at once; a further one is answered 503.</param>
public sealed record SequenceConfiguration(
    long MaxSequenceIdleMicroseconds = 1_000_000, int MaxSequences = 1024,
    IReadOnlyList<ControlInput>? ControlInput = null, IReadOnlyList<StateTensor>? State = null)
{
    internal void Check(string where)
    {
        if (MaxSequenceIdleMicroseconds is < 1 or > 86_400_000_000 || MaxSequences is < 1 or > 1 << 20)
        {
            throw new ServingException(ServingError.InvalidSetting,
                $"{where}: sequence_batching needs max_sequence_idle_microseconds of 1 to a day and max_sequences of " +
                $"1 to {1 << 20}");
        }

        ModelConfigurationFile.RequireElements(where, ("control_input", ControlInput));
        StateTensor.Check(State, where);
        foreach (var control in ControlInput ?? [])
        {
            control.Check(where);
        }
    }
}

/// <summary>An input that tells the model where in its sequence a request is.</summary>
public sealed record ControlInput(string Name = "", IReadOnlyList<SequenceControl>? Control = null)
{
    internal SequenceControl Only => Control![0];

    internal void Check(string where)
    {
        if (Control is not [{ } control] || !SequenceControl.Kinds.Contains(control.Kind))
        {
            throw new ServingException(ServingError.InvalidSetting,
                $"{where}: control_input '{Name}' needs one control with a kind of " +
                string.Join(", ", SequenceControl.Kinds));
        }
    }
}

/// <summary>What a control input holds: a pair of values for false and true, or the sequence's number.</summary>
public sealed record SequenceControl(
    string Kind = "", int[]? Int32FalseTrue = null, float[]? Fp32FalseTrue = null, bool[]? BoolFalseTrue = null,
    string DataType = "")
{
    internal const string Start = "CONTROL_SEQUENCE_START";
    internal const string End = "CONTROL_SEQUENCE_END";
    internal const string Ready = "CONTROL_SEQUENCE_READY";
    internal const string Correlation = "CONTROL_SEQUENCE_CORRID";

    internal static readonly string[] Kinds = [Start, End, Ready, Correlation];
}

/// <summary>
/// A pair of tensors: what the model writes to the output is what it reads at the input the next time.
/// </summary>
/// <param name="InitialState">What it reads the first time; zeros when not given.</param>
public sealed record StateTensor(
    string InputName = "", string OutputName = "", string DataType = "", long[]? Dims = null,
    IReadOnlyList<InitialState>? InitialState = null)
{
    internal static void Check(IReadOnlyList<StateTensor>? states, string where)
    {
        ModelConfigurationFile.RequireElements(where, ("state", states));
        foreach (var state in states ?? [])
        {
            ModelConfigurationFile.RequireElements(where, ("initial_state", state.InitialState));
            if (state.InputName.Length == 0 || state.OutputName.Length == 0)
            {
                throw new ServingException(
                    ServingError.InvalidSetting, $"{where}: a state needs an input_name and an output_name");
            }
        }
    }
}

/// <summary>The first value of a state: zeros of this shape; -1 is no element.</summary>
public sealed record InitialState(string Name = "", string DataType = "", long[]? Dims = null, bool ZeroData = true);

/// <summary>
/// Several answers to one request: the model runs again and again on its own state until it says stop.
/// </summary>
/// <param name="ContinueOutput">A BOOL output of one element: true = there is another answer after this one.</param>
/// <param name="DelayOutput">An output of milliseconds to wait before this answer; empty = none.</param>
/// <param name="MaxIterations">Answers after which the request fails.</param>
public sealed record IterationConfiguration(
    string ContinueOutput = "", string DelayOutput = "", int MaxIterations = 1_000_000,
    IReadOnlyList<StateTensor>? State = null);

/// <summary>An input that the client gives as a request parameter or a header instead of a tensor.</summary>
/// <param name="Input">Name of the model's input, of one element or of shape [1].</param>
/// <param name="Parameter">Name of the request parameter; empty = none.</param>
/// <param name="Header">Name of the HTTP header that counts when the parameter is absent; empty = none.</param>
/// <param name="Default">Value when the client gives neither; null = that is an error.</param>
public sealed record ParameterInput(
    string Input = "", string Parameter = "", string Header = "", string? Default = null);

/// <summary>Whether one request may have several answers.</summary>
public sealed record TransactionPolicy(bool Decoupled = false);
