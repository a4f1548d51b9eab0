using Atoll.Devices;

namespace Atoll.Kernels;

/// <summary>
/// What one time step of one direction reads and writes. Rows are those of the batch, with contiguous elements.
/// </summary>
/// <param name="Inputs">Projected inputs with their biases, [B, gates × H].</param>
/// <param name="Weights">Recurrent weights, dense [gates × H, H].</param>
/// <param name="Hidden">The last hidden state [B, H]; null where it is zero.</param>
/// <param name="Output">The new hidden state [B, H].</param>
public sealed record RecurrentOperands(TensorRef Inputs, TensorRef Weights, TensorRef? Hidden, TensorRef Output)
{
    /// <summary>LSTM: the last cell state [B, H]; null where it is zero.</summary>
    public TensorRef? Cell { get; init; }

    /// <summary>LSTM: the new cell state [B, H].</summary>
    public TensorRef? NewCell { get; init; }

    /// <summary>LSTM: peephole weights of the input, output and forget gate, dense [3 × H], or null.</summary>
    public TensorRef? Peepholes { get; init; }

    /// <summary>GRU that resets after the product: the bias [H] of that product, or null.</summary>
    public TensorRef? CandidateBias { get; init; }

    /// <summary>GRU that resets before the product: [B, 2 H] of update gates and reset hidden states.</summary>
    public TensorRef? Gates { get; init; }

    internal BufferAccess[] Accesses(params TensorRef?[] writes) =>
    [
        .. new[] { Inputs, Weights, Hidden, Cell, Peepholes, CandidateBias, writes.Contains(Gates) ? null : Gates }
            .OfType<TensorRef>().Select(r => r.Reads()),
        .. writes.OfType<TensorRef>().Select(w => w.Writes()),
    ];
}

/// <summary>Makes kernels of recurrent layers, one for each time step; gates are in ONNX's order.</summary>
public static class RecurrentStep
{
    /// <summary>h = f(x + R h), f the hyperbolic tangent or the rectifier.</summary>
    public static CpuKernel Rnn(string name, RecurrentOperands operands, bool isRectified) => Build(
        new Builder(name, operands, isRectified ? RecurrentKind.RectifiedRnn : RecurrentKind.Rnn));

    /// <summary>Sigmoid gates i, o, f and tangent c; writes the new cell state too.</summary>
    public static CpuKernel Lstm(string name, RecurrentOperands operands) =>
        Build(new Builder(name, operands, RecurrentKind.Lstm));

    /// <summary>A GRU that resets after the recurrent product.</summary>
    public static CpuKernel Gru(string name, RecurrentOperands operands) =>
        Build(new Builder(name, operands, RecurrentKind.Gru));

    /// <summary>First half of a GRU that resets before the recurrent product: the gates.</summary>
    public static CpuKernel GruGates(string name, RecurrentOperands operands) =>
        Build(new Builder(name, operands, RecurrentKind.GruGates));

    /// <summary>Second half of it: the candidate and the new state.</summary>
    public static CpuKernel GruCandidate(string name, RecurrentOperands operands) =>
        Build(new Builder(name, operands, RecurrentKind.GruCandidate));

    private static CpuKernel Build(Builder builder) => SimdSupport.Current switch
    {
        SimdLevel.Vector512 => builder.Make<Lanes16>(),
        SimdLevel.Vector256 => builder.Make<Lanes8>(),
        _ => builder.Make<Lanes1>(),
    };

    private sealed record Builder(string Name, RecurrentOperands Operands, RecurrentKind Kind)
    {
        public CpuKernel Make<TLanes>() where TLanes : struct, ILanes<TLanes> => Kind switch
        {
            RecurrentKind.Lstm => new LstmStepKernel<TLanes>(Name, Operands),
            RecurrentKind.Rnn or RecurrentKind.RectifiedRnn =>
                new RnnStepKernel<TLanes>(Name, Operands, Kind == RecurrentKind.RectifiedRnn),
            _ => new GruStepKernel<TLanes>(Name, Operands, Kind),
        };
    }
}

internal enum RecurrentKind
{
    Rnn,
    RectifiedRnn,
    Lstm,
    Gru,
    GruGates,
    GruCandidate,
}
