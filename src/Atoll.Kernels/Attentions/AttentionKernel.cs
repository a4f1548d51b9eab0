using Atoll.Devices;

namespace Atoll.Kernels;

/// <summary>
/// A block is some queries of one head: scores of all keys in scratch memory, softmax, then the values.
/// </summary>
internal sealed unsafe class AttentionKernel : CpuKernel
{
    private const int ScoreFloatsMaximum = 600_000;
    private readonly AttentionOperands _operands;
    private readonly DynamicMultiply _multiply = new();
    private readonly float* _q;
    private readonly float* _k;
    private readonly float* _v;
    private readonly float* _y;
    private readonly float* _mask;
    private readonly float _scale;
    private readonly int _parts;
    private readonly int _queries;
    private readonly int _keys;
    private readonly SimdLevel _level = SimdSupport.Current;

    public AttentionKernel(string name, AttentionOperands operands, float scale, int parts)
        : base(name, operands.Y.Shape[0] * operands.Y.Shape[1] * parts, operands.Accesses)
    {
        (_operands, _scale, _parts) = (operands, scale, parts);
        (_queries, _keys) = (operands.Q.Shape[2], operands.K.Shape[2]);
        _q = (float*)operands.Q.Pointer;
        _k = (float*)operands.K.Pointer;
        _v = (float*)operands.V.Pointer;
        _y = (float*)operands.Y.Pointer;
        _mask = operands.Mask == null ? null : (float*)operands.Mask.Pointer;
        var rows = (_queries + parts - 1) / parts;
        ScratchBytes = sizeof(float) * ((long)rows * _keys
            + _multiply.ScratchFloats(rows, Math.Max(_keys, operands.Q.Shape[3]), false));
    }

    public override long ScratchBytes { get; }

    public override double EstimatedBlockMicroseconds => WorkMicroseconds(_operands) / _parts;

    public static int PartsOf(AttentionOperands operands)
    {
        int queries = operands.Q.Shape[2], keys = operands.K.Shape[2];
        var parts = Math.Max(WorkMicroseconds(operands) / 40, (double)queries * keys / ScoreFloatsMaximum);
        // Each part packs all keys and values again, which 28 queries pay for.
        var most = Math.Max(Math.Ceiling(queries / 28.0), Math.Ceiling((double)queries * keys / ScoreFloatsMaximum));
        return (int)Math.Clamp(Math.Ceiling(parts), 1, Math.Max(1, Math.Min(most, queries)));
    }

    public override void RunBlock(int block, BlockContext context)
    {
        var (part, head) = (block % _parts, block / _parts);
        var (batch, h) = (head / _operands.Y.Shape[1], head % _operands.Y.Shape[1]);
        var (first, last) = BlockSplit.Part(_queries, _parts, part);
        int rows = last - first, dimension = _operands.Q.Shape[3];
        var scores = (float*)context.Scratch;
        var scratch = scores + (_queries + _parts - 1) / _parts * _keys;
        var q = new MatrixView(At(_operands.Q, _q, batch, h) + first * _operands.Q.Strides[2],
            (nint)_operands.Q.Strides[2], 1);
        var k = new MatrixView(At(_operands.K, _k, batch, h), (nint)_operands.K.Strides[3],
            (nint)_operands.K.Strides[2]);
        var shape = new DynamicShape(rows, dimension, 0, _keys, _scale);
        if (!_multiply.Run(q, k, new TileLine(scores, _keys), shape, scratch, context)
            || !Softmax(scores, batch, h, first, rows, context))
        {
            return;
        }

        var v = new MatrixView(At(_operands.V, _v, batch, h), (nint)_operands.V.Strides[2],
            (nint)_operands.V.Strides[3]);
        var y = new TileLine(At(_operands.Y, _y, batch, h) + first * _operands.Y.Strides[2],
            (nint)_operands.Y.Strides[2]);
        _multiply.Run(new MatrixView(scores, _keys, 1), v, y,
            new DynamicShape(rows, _keys, 0, _operands.V.Shape[3], 1), scratch, context);
    }

    private bool Softmax(float* scores, int batch, int head, int first, int rows, BlockContext context)
    {
        for (var row = 0; row < rows; row++, scores += _keys)
        {
            if (_mask != null)
            {
                AddMask(scores, At(_operands.Mask!, _mask, batch, head) + (first + row) * _operands.Mask!.Strides[2],
                    (nint)_operands.Mask.Strides[3]);
            }

            _ = _level switch
            {
                SimdLevel.Vector512 => SoftmaxRow<Lanes16>.InPlace(scores, _keys),
                SimdLevel.Vector256 => SoftmaxRow<Lanes8>.InPlace(scores, _keys),
                _ => SoftmaxRow<Lanes1>.InPlace(scores, _keys),
            };
            if (context.Yield())
            {
                return false;
            }
        }

        return true;
    }

    private void AddMask(float* scores, float* mask, nint step)
    {
        nint key = 0;
        if (step == 1 && _level == SimdLevel.Vector512)
        {
            key = AddDense<Lanes16>(scores, mask);
        }
        else if (step == 1 && _level == SimdLevel.Vector256)
        {
            key = AddDense<Lanes8>(scores, mask);
        }

        for (; key < _keys; key++)
        {
            scores[key] += mask[key * step];
        }
    }

    // As many as fill whole registers; returns how many.
    private nint AddDense<T>(float* scores, float* mask) where T : struct, ILanes<T>
    {
        nint key = 0;
        for (; key + T.Count <= _keys; key += T.Count)
        {
            T.Store(T.Load(scores + key) + T.Load(mask + key), scores + key);
        }

        return key;
    }

    private static float* At(TensorRef view, float* start, int batch, int head) =>
        start + batch * view.Strides[0] + head * view.Strides[1];

    private static double WorkMicroseconds(AttentionOperands operands) =>
        2.0 * operands.Q.Shape[2] * operands.K.Shape[2] * (operands.Q.Shape[3] + operands.V.Shape[3]) / 60e3;
}
