using Atoll.Devices;

namespace Atoll.Kernels;

/// <summary>
/// One row is one hidden unit of one index of the batch; its dot products run along contiguous weights.
/// </summary>
internal abstract unsafe class RecurrentKernel<TLanes>(
    string name, RecurrentOperands operands, int gates, IReadOnlyList<BufferAccess> accesses)
    : RowKernel(name, (long)operands.Inputs.Shape[0] * operands.Weights.Shape[1],
        20 + gates * operands.Weights.Shape[1] * 0.15, accesses)
    where TLanes : struct, ILanes<TLanes>
{
    private readonly float* _inputs = (float*)operands.Inputs.Pointer;
    private readonly float* _weights = (float*)operands.Weights.Pointer;
    private readonly int _batch = operands.Inputs.Shape[0];

    protected RecurrentOperands Operands { get; } = operands;

    protected int Hidden { get; } = operands.Weights.Shape[1];

    protected sealed override bool Row(long row, BlockContext context)
    {
        // Neighbouring rows share their weights.
        Unit((int)(row % _batch), (int)(row / _batch));
        return true;
    }

    protected abstract void Unit(int batch, int unit);

    protected float Input(int batch, int gate, int unit) =>
        _inputs[batch * Operands.Inputs.Strides[0] + gate * Hidden + unit];

    protected static float* RowOf(TensorRef? view, int batch) =>
        view is null ? null : (float*)view.Pointer + batch * view.Strides[0];

    /// <summary>The product of a gate's weights with a state; 0 where there is none.</summary>
    protected float Product(float* state, int gate, int unit)
    {
        if (state == null)
        {
            return 0;
        }

        var weights = _weights + ((long)gate * Hidden + unit) * Hidden;
        TLanes a = TLanes.Create(0), b = TLanes.Create(0);
        var i = 0;
        for (; i + 2 * TLanes.Count <= Hidden; i += 2 * TLanes.Count)
        {
            a = TLanes.Fma(TLanes.Load(weights + i), TLanes.Load(state + i), a);
            b = TLanes.Fma(TLanes.Load(weights + i + TLanes.Count), TLanes.Load(state + i + TLanes.Count), b);
        }

        var sum = TLanes.Sum(a + b);
        for (; i < Hidden; i++)
        {
            sum += weights[i] * state[i];
        }

        return sum;
    }

    protected static float Sigmoid(float x) => 1 / (1 + MathF.Exp(-x));
}

internal sealed unsafe class RnnStepKernel<TLanes>(string name, RecurrentOperands operands, bool isRectified)
    : RecurrentKernel<TLanes>(name, operands, 1, operands.Accesses(operands.Output))
    where TLanes : struct, ILanes<TLanes>
{
    protected override void Unit(int batch, int unit)
    {
        var sum = Input(batch, 0, unit) + Product(RowOf(Operands.Hidden, batch), 0, unit);
        RowOf(Operands.Output, batch)[unit] = isRectified ? MathF.Max(sum, 0) : MathF.Tanh(sum);
    }
}

internal sealed unsafe class LstmStepKernel<TLanes>(string name, RecurrentOperands operands)
    : RecurrentKernel<TLanes>(name, operands, 4, operands.Accesses(operands.Output, operands.NewCell))
    where TLanes : struct, ILanes<TLanes>
{
    protected override void Unit(int batch, int unit)
    {
        var hidden = RowOf(Operands.Hidden, batch);
        var cells = RowOf(Operands.Cell, batch);
        var old = cells == null ? 0 : cells[unit];
        var open = Sigmoid(Gate(batch, 0, unit, hidden, old));
        var forget = Sigmoid(Gate(batch, 2, unit, hidden, old));
        var cell = forget * old + open * MathF.Tanh(Input(batch, 3, unit) + Product(hidden, 3, unit));
        RowOf(Operands.NewCell, batch)[unit] = cell;
        RowOf(Operands.Output, batch)[unit] = Sigmoid(Gate(batch, 1, unit, hidden, cell)) * MathF.Tanh(cell);
    }

    private float Gate(int batch, int gate, int unit, float* hidden, float cell)
    {
        var sum = Input(batch, gate, unit) + Product(hidden, gate, unit);
        return Operands.Peepholes is { } p ? sum + ((float*)p.Pointer)[gate * Hidden + unit] * cell : sum;
    }
}

internal sealed unsafe class GruStepKernel<TLanes>(string name, RecurrentOperands operands, RecurrentKind kind)
    : RecurrentKernel<TLanes>(name, operands, kind == RecurrentKind.Gru ? 3 : kind == RecurrentKind.GruGates ? 2 : 1,
        operands.Accesses(kind == RecurrentKind.GruGates ? operands.Gates : operands.Output))
    where TLanes : struct, ILanes<TLanes>
{
    protected override void Unit(int batch, int unit)
    {
        var hidden = RowOf(Operands.Hidden, batch);
        var old = hidden == null ? 0 : hidden[unit];
        var gates = RowOf(Operands.Gates, batch);
        if (kind == RecurrentKind.GruCandidate)
        {
            Finish(batch, unit, gates[unit], Input(batch, 2, unit) + Product(gates + Hidden, 2, unit), old);
            return;
        }

        var update = Sigmoid(Input(batch, 0, unit) + Product(hidden, 0, unit));
        var reset = Sigmoid(Input(batch, 1, unit) + Product(hidden, 1, unit));
        if (kind == RecurrentKind.GruGates)
        {
            (gates[unit], gates[Hidden + unit]) = (update, reset * old);
            return;
        }

        var bias = Operands.CandidateBias is { } b ? ((float*)b.Pointer)[unit] : 0;
        Finish(batch, unit, update, Input(batch, 2, unit) + reset * (Product(hidden, 2, unit) + bias), old);
    }

    private void Finish(int batch, int unit, float update, float candidate, float old) =>
        RowOf(Operands.Output, batch)[unit] = (1 - update) * MathF.Tanh(candidate) + update * old;
}
