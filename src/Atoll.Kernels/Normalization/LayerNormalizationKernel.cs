using Atoll.Devices;

namespace Atoll.Kernels;

/// <summary>
/// y = (x - mean) / sqrt(variance + ε) scale + shift over contiguous rows; in two passes, so that the
/// variance loses nothing to cancellation.
/// </summary>
internal sealed unsafe class LayerNormalizationKernel<TLanes>(
    string name, RowPlan plan, TensorRef? scale, TensorRef? shift, float epsilon)
    : CpuKernel(name, BlocksOf(plan), AccessesOf(plan, scale, shift))
    where TLanes : struct, ILanes<TLanes>
{
    private readonly float* _scale = scale == null ? null : (float*)scale.Pointer;
    private readonly float* _shift = shift == null ? null : (float*)shift.Pointer;
    private readonly long _perBlock = RowsPerBlock(plan);

    public override double EstimatedBlockMicroseconds => Math.Min(_perBlock, plan.Rows) * plan.Length * 0.001;

    public override void RunBlock(int block, BlockContext context)
    {
        var last = Math.Min(plan.Rows, (block + 1) * _perBlock);
        for (var row = block * _perBlock; row < last; row++)
        {
            var (x, y) = plan.Offsets(row);
            Row(plan.X + x, plan.Y + y);
            if (context.Yield())
            {
                return;
            }
        }
    }

    private void Row(float* x, float* y)
    {
        var n = plan.Length;
        var sum = TLanes.Create(0);
        var i = 0;
        for (; i + TLanes.Count <= n; i += TLanes.Count)
        {
            sum += TLanes.Load(x + i);
        }

        var mean = TLanes.Sum(sum);
        for (; i < n; i++)
        {
            mean += x[i];
        }

        mean /= n;
        TLanes means = TLanes.Create(mean), squares = TLanes.Create(0);
        for (i = 0; i + TLanes.Count <= n; i += TLanes.Count)
        {
            var difference = TLanes.Load(x + i) - means;
            squares = TLanes.Fma(difference, difference, squares);
        }

        var variance = TLanes.Sum(squares);
        for (; i < n; i++)
        {
            variance += (x[i] - mean) * (x[i] - mean);
        }

        Write(x, y, mean, 1 / MathF.Sqrt(variance / n + epsilon));
    }

    private void Write(float* x, float* y, float mean, float inverse)
    {
        TLanes means = TLanes.Create(mean), inverses = TLanes.Create(inverse);
        TLanes one = TLanes.Create(1), zero = TLanes.Create(0);
        var i = 0;
        for (; i + TLanes.Count <= plan.Length; i += TLanes.Count)
        {
            var scales = _scale == null ? one : TLanes.Load(_scale + i);
            var shifts = _shift == null ? zero : TLanes.Load(_shift + i);
            TLanes.Store(TLanes.Fma((TLanes.Load(x + i) - means) * inverses, scales, shifts), y + i);
        }

        for (; i < plan.Length; i++)
        {
            y[i] = (x[i] - mean) * inverse * (_scale == null ? 1 : _scale[i]) + (_shift == null ? 0 : _shift[i]);
        }
    }

    private static long RowsPerBlock(RowPlan plan) =>
        Math.Max(Math.Max(1, 20_000 / Math.Max(1, plan.Length)), plan.Rows / 4096);

    private static int BlocksOf(RowPlan plan) =>
        (int)Math.Max(1, (plan.Rows + RowsPerBlock(plan) - 1) / RowsPerBlock(plan));

    private static BufferAccess[] AccessesOf(RowPlan plan, TensorRef? scale, TensorRef? shift) =>
    [
        .. plan.Accesses,
        .. scale == null ? (BufferAccess[])[] : [scale.Reads()],
        .. shift == null ? (BufferAccess[])[] : [shift.Reads()],
    ];
}
