namespace Atoll.Models;

/// <summary>
/// One direction of a recurrent layer in double precision: gates in ONNX's order (RNN: i; GRU: z r h; LSTM: i o f c),
/// weights (gates × hidden, inputs).
/// </summary>
internal sealed class RecurrentCell
{
    private readonly int _gates, _hidden, _inputs;
    private readonly double[] _w, _r, _inputBias, _hiddenBias;
    private readonly double[]? _peepholes;
    private readonly double _clip;
    private readonly bool _isCoupled, _resetsAfter;
    private readonly Func<double, double>[] _functions;

    private RecurrentCell(OperatorCall call, int gates, int direction)
    {
        _gates = gates;
        (_hidden, _inputs) = ((int)call.Input(2).Shape[2], (int)call.Input(1).Shape[2]);
        var rows = gates * _hidden;
        _w = Part(call, 1, direction, rows * _inputs);
        _r = Part(call, 2, direction, rows * _hidden);
        var bias = call.Has(3) ? Part(call, 3, direction, 2 * rows) : new double[2 * rows];
        (_inputBias, _hiddenBias) = (bias[..rows], bias[rows..]);
        _peepholes = call.Has(7) ? Part(call, 7, direction, 3 * _hidden) : null;
        _clip = call.Attributes.Has("clip") ? call.Attributes.Float("clip") : double.PositiveInfinity;
        _isCoupled = call.Attributes.Int("input_forget") != 0;
        _resetsAfter = call.Attributes.Int("linear_before_reset") != 0;
        _functions = Functions(call, gates, direction);
    }

    public static RecurrentCell Of(OperatorCall call, int gates, int direction) => new(call, gates, direction);

    /// <summary>Names of a direction's activation functions, with the standard's defaults.</summary>
    public static string[] FunctionNames(NodeAttributes attributes, int gates, int direction)
    {
        string[] missing = gates == 1 ? ["Tanh"] : gates == 3 ? ["Sigmoid", "Tanh"] : ["Sigmoid", "Tanh", "Tanh"];
        return attributes.Raw("activations") is string[] names && names.Length >= (direction + 1) * missing.Length
            ? names[(direction * missing.Length)..((direction + 1) * missing.Length)]
            : missing;
    }

    /// <summary>Advances hidden state and cell state by one input, in place.</summary>
    public void Step(ReadOnlySpan<double> x, double[] h, double[] c)
    {
        var (input, recurrent) = (Product(_w, x, _inputBias), Product(_r, h, _hiddenBias));
        switch (_gates)
        {
            case 1:
                for (var i = 0; i < _hidden; i++)
                {
                    h[i] = _functions[0](Clip(input[i] + recurrent[i]));
                }
                break;
            case 3:
                StepGru(input, recurrent, h);
                break;
            default:
                StepLstm(input, recurrent, h, c);
                break;
        }
    }

    private void StepGru(double[] input, double[] recurrent, double[] h)
    {
        var (update, reset) = (new double[_hidden], new double[_hidden]);
        for (var i = 0; i < _hidden; i++)
        {
            update[i] = _functions[0](Clip(input[i] + recurrent[i]));
            reset[i] = _functions[0](Clip(input[_hidden + i] + recurrent[_hidden + i]));
        }
        if (!_resetsAfter)
        {
            var held = h.Select((value, i) => value * reset[i]).ToArray();
            recurrent = Product(_r, held, _hiddenBias);
        }
        for (var i = 0; i < _hidden; i++)
        {
            var carried = recurrent[2 * _hidden + i] * (_resetsAfter ? reset[i] : 1);
            var candidate = _functions[1](Clip(input[2 * _hidden + i] + carried));
            h[i] = (1 - update[i]) * candidate + update[i] * h[i];
        }
    }

    private void StepLstm(double[] input, double[] recurrent, double[] h, double[] c)
    {
        for (var i = 0; i < _hidden; i++)
        {
            double Gate(int gate) => input[gate * _hidden + i] + recurrent[gate * _hidden + i];
            double Peephole(int gate, double cell) => _peepholes is null ? 0 : _peepholes[gate * _hidden + i] * cell;
            var open = _functions[0](Clip(Gate(0) + Peephole(0, c[i])));
            var forget = _isCoupled ? 1 - open : _functions[0](Clip(Gate(2) + Peephole(2, c[i])));
            c[i] = forget * c[i] + open * _functions[1](Clip(Gate(3)));
            h[i] = _functions[0](Clip(Gate(1) + Peephole(1, c[i]))) * _functions[2](c[i]);
        }
    }

    private double Clip(double value) => Math.Clamp(value, -_clip, _clip);

    private static double[] Product(double[] matrix, ReadOnlySpan<double> vector, double[] bias)
    {
        var result = (double[])bias.Clone();
        for (var row = 0; row < result.Length; row++)
        {
            for (var k = 0; k < vector.Length; k++)
            {
                result[row] += matrix[row * vector.Length + k] * vector[k];
            }
        }
        return result;
    }

    private static double[] Part(OperatorCall call, int input, int direction, int size) =>
        WideTensor.Of(call, input)[(direction * size)..((direction + 1) * size)];

    private static Func<double, double>[] Functions(OperatorCall call, int gates, int direction)
    {
        var names = FunctionNames(call.Attributes, gates, direction);
        var (alphas, betas) = (call.Attributes.Floats("activation_alpha"), call.Attributes.Floats("activation_beta"));
        return [.. names.Select((name, i) => Function(call, name, alphas.Length > direction * names.Length + i
            ? alphas[direction * names.Length + i] : null, betas.Length > direction * names.Length + i
            ? betas[direction * names.Length + i] : null))];
    }

    private static Func<double, double> Function(OperatorCall call, string name, double? alpha, double? beta) =>
        name.ToUpperInvariant() switch
        {
            "SIGMOID" => UnaryOperators.Sigmoid,
            "TANH" => Math.Tanh,
            "RELU" => x => Math.Max(0, x),
            "LEAKYRELU" => x => x < 0 ? (alpha ?? 0.01) * x : x,
            "THRESHOLDEDRELU" => x => x > (alpha ?? 1) ? x : 0,
            "SCALEDTANH" => x => (alpha ?? 1) * Math.Tanh((beta ?? 1) * x),
            "HARDSIGMOID" => x => Math.Clamp((alpha ?? 0.2) * x + (beta ?? 0.5), 0, 1),
            "ELU" => x => x < 0 ? (alpha ?? 1) * (Math.Exp(x) - 1) : x,
            "SOFTSIGN" => x => x / (1 + Math.Abs(x)),
            "SOFTPLUS" => x => Math.Max(x, 0) + Math.Log(1 + Math.Exp(-Math.Abs(x))),
            "AFFINE" => x => (alpha ?? 1) * x + (beta ?? 0),
            _ => throw call.Fail(ModelError.InvalidAttribute, $"the activation '{name}' is not known"),
        };
}
