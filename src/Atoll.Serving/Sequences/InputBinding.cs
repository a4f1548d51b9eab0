using System.Globalization;
using System.Text;
using Atoll.Models;

namespace Atoll.Serving;

/// <summary>
/// Where one input of a model comes from: the client's tensor, state, a control value or a parameter.
/// </summary>
internal abstract class InputBinding
{
    /// <summary>The client sends it as a tensor.</summary>
    public virtual bool IsClients => false;

    /// <summary>Null when the tensor is there, else why it is not.</summary>
    public abstract string? TryFill(InferenceRequest request, out InputTensor tensor);

    /// <param name="clients">Inputs of the client's so far; counts this one when it is.</param>
    public static InputBinding For(
        TensorMetadata input, ModelConfiguration configuration, IReadOnlyList<StateTensor> states, ref int clients)
    {
        for (var i = 0; i < states.Count; i++)
        {
            if (states[i].InputName == input.Name)
            {
                return new State(i);
            }
        }

        if (configuration.Sequence?.ControlInput?.FirstOrDefault(control => control.Name == input.Name) is { } control)
        {
            return new Control(input, control.Only);
        }

        return configuration.ParameterInputs.FirstOrDefault(bound => bound.Input == input.Name) is { } parameter
            ? new Parameter(input, parameter)
            : new Client(clients++);
    }

    /// <summary>Element bytes of a number or text, null when it is not of the type.</summary>
    private static byte[]? Encode(ElementType type, object value)
    {
        try
        {
            var text = value is bool flag && type != ElementType.String ? (flag ? "1" : "0")
                : Convert.ToString(value, CultureInfo.InvariantCulture) ?? "";
            return type switch
            {
                ElementType.String => [.. BitConverter.GetBytes(Encoding.UTF8.GetByteCount(text)),
                    .. Encoding.UTF8.GetBytes(text)],
                ElementType.Bool => text is "0" or "1" ? [(byte)(text[0] - '0')] : null,
                ElementType.Float32 => BitConverter.GetBytes(float.Parse(text, CultureInfo.InvariantCulture)),
                ElementType.Float64 => BitConverter.GetBytes(double.Parse(text, CultureInfo.InvariantCulture)),
                ElementType.Int8 => [(byte)sbyte.Parse(text, CultureInfo.InvariantCulture)],
                ElementType.UInt8 => [byte.Parse(text, CultureInfo.InvariantCulture)],
                ElementType.Int16 => BitConverter.GetBytes(short.Parse(text, CultureInfo.InvariantCulture)),
                ElementType.UInt16 => BitConverter.GetBytes(ushort.Parse(text, CultureInfo.InvariantCulture)),
                ElementType.Int32 => BitConverter.GetBytes(int.Parse(text, CultureInfo.InvariantCulture)),
                ElementType.UInt32 => BitConverter.GetBytes(uint.Parse(text, CultureInfo.InvariantCulture)),
                ElementType.Int64 => BitConverter.GetBytes(long.Parse(text, CultureInfo.InvariantCulture)),
                ElementType.UInt64 => BitConverter.GetBytes(ulong.Parse(text, CultureInfo.InvariantCulture)),
                _ => null,
            };
        }
        catch (Exception e) when (e is FormatException or OverflowException)
        {
            return null;
        }
    }

    private static long[] OneElement(TensorMetadata input) =>
        input.Shape.All(dim => dim is 1 or < 0)
            ? [.. input.Shape.Select(_ => 1L)]
            : throw new ServingException(ServingError.InvalidSetting,
                $"input '{input.Name}' {DataTypes.Show(input.Shape)} has more than one element, so the server cannot " +
                "fill it");

    private sealed class Client(int index) : InputBinding
    {
        public override bool IsClients => true;

        public override string? TryFill(InferenceRequest request, out InputTensor tensor)
        {
            tensor = request.Inputs[index];
            return null;
        }
    }

    private sealed class State(int index) : InputBinding
    {
        public override string? TryFill(InferenceRequest request, out InputTensor tensor)
        {
            tensor = request.State?[index] ?? default;
            return request.State is null ? "the request has no state" : null;
        }
    }

    /// <summary>Says whether the request starts or ends its sequence, or which sequence it is.</summary>
    private sealed class Control : InputBinding
    {
        private readonly TensorMetadata _input;
        private readonly SequenceControl _control;
        private readonly InputTensor _no;
        private readonly InputTensor _yes;

        public Control(TensorMetadata input, SequenceControl control)
        {
            (_input, _control) = (input, control);
            if (control.Kind != SequenceControl.Correlation)
            {
                var (no, yes) = Values(control);
                (_no, _yes) = (Make(no), Make(yes));
            }
            else
            {
                Make(0);
            }
        }

        public override string? TryFill(InferenceRequest request, out InputTensor tensor)
        {
            var step = request.Sequence;
            tensor = default;
            switch (_control.Kind)
            {
                case SequenceControl.Start:
                    tensor = step.IsStart ? _yes : _no;
                    return null;
                case SequenceControl.End:
                    tensor = step.IsEnd ? _yes : _no;
                    return null;
                case SequenceControl.Ready:
                    tensor = _yes;
                    return null;
                default:
                    object id = step.Text is { Length: > 0 } ? step.Text : step.Number;
                    if (Encode(_input.Type, id) is not { } data)
                    {
                        return $"sequence_id '{step}' is not a {DataTypes.NameOf(_input.Type)}, which input " +
                            $"'{_input.Name}' takes";
                    }

                    tensor = new InputTensor(OneElement(_input), data);
                    return null;
            }
        }

        private static (object No, object Yes) Values(SequenceControl control) => control switch
        {
            { Int32FalseTrue: [var no, var yes] } => (no, yes),
            { Fp32FalseTrue: [var no, var yes] } => (no, yes),
            { BoolFalseTrue: [var no, var yes] } => (no, yes),
            _ => throw new ServingException(ServingError.InvalidSetting,
                $"control {control.Kind} needs int32_false_true, fp32_false_true or bool_false_true of two values"),
        };

        private InputTensor Make(object value) => Encode(_input.Type, value) is { } data
            ? new InputTensor(OneElement(_input), data)
            : throw new ServingException(ServingError.InvalidSetting,
                $"control value {value} is not a {DataTypes.NameOf(_input.Type)}, which input '{_input.Name}' takes");
    }

    private sealed class Parameter(TensorMetadata input, ParameterInput bound) : InputBinding
    {
        private readonly long[] _shape = OneElement(input);

        public override string? TryFill(InferenceRequest request, out InputTensor tensor)
        {
            tensor = default;
            var value = request.Parameters.GetValueOrDefault(bound.Parameter)
                ?? request.Parameters.GetValueOrDefault(HeaderPrefix + bound.Header.ToLowerInvariant())
                ?? bound.Default;
            if (value is null)
            {
                return $"parameter '{bound.Parameter}' is missing, which fills input '{input.Name}'";
            }

            if (Encode(input.Type, value) is not { } data)
            {
                return $"parameter '{bound.Parameter}' is '{value}', not a {DataTypes.NameOf(input.Type)}";
            }

            tensor = new InputTensor(_shape, data);
            return null;
        }
    }

    /// <summary>
    /// Before the names of headers among a request's parameters, which cannot clash with the client's.
    /// </summary>
    public const string HeaderPrefix = "header\0";
}
