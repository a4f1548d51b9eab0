using Atoll.Devices;

namespace Atoll.Kernels;

/// <summary>
/// Softmax or its logarithm along one axis, with the maximum taken out. Contiguous rows go along registers; where the
/// neighbouring rows are contiguous, a register holds one element of each of them.
/// </summary>
internal sealed unsafe class SoftmaxKernel<TLanes> : CpuKernel where TLanes : struct, ILanes<TLanes>
{
    private const int RunMaximum = 1024;
    private readonly RowPlan _plan;
    private readonly bool _logarithm;
    private readonly long _perBlock;

    private SoftmaxKernel(string name, RowPlan plan, bool logarithm, long perBlock)
        : base(name, (int)Math.Max(1, (plan.Rows + perBlock - 1) / perBlock), plan.Accesses)
    {
        _plan = plan;
        _logarithm = logarithm;
        _perBlock = perBlock;
    }

    public override double EstimatedBlockMicroseconds => Math.Min(_perBlock, _plan.Rows) * _plan.Length * 0.002;

    public static SoftmaxKernel<TLanes> Create(string name, RowPlan plan, bool logarithm)
    {
        var perBlock = Math.Max(1, 10_000 / Math.Max(1, plan.Length));
        perBlock = perBlock < 16 ? perBlock : perBlock & ~15;
        return new SoftmaxKernel<TLanes>(name, plan, logarithm, Math.Max(perBlock, plan.Rows / 4096));
    }

    public override void RunBlock(int block, BlockContext context)
    {
        var last = Math.Min(_plan.Rows, (block + 1) * _perBlock);
        for (var row = block * _perBlock; row < last;)
        {
            var (x, y) = _plan.Offsets(row);
            var side = (int)Math.Min(_plan.Neighbours(row), last - row);
            bool done;
            if (_plan.StrideX == 1 && _plan.StrideY == 1)
            {
                side = 1;
                done = Row(_plan.X + x, _plan.Y + y, context);
            }
            else if (side >= TLanes.Count)
            {
                side = TLanes.Count;
                done = Columns<TLanes>(_plan.X + x, _plan.Y + y, context);
            }
            else
            {
                side = 1;
                done = Columns<Lanes1>(_plan.X + x, _plan.Y + y, context);
            }

            row += side;
            if (!done || context.Yield())
            {
                return;
            }
        }
    }

    private bool Row(float* x, float* y, BlockContext context)
    {
        var n = _plan.Length;
        var top = SoftmaxRow<TLanes>.Maximum(x, n);
        if (context.Yield())
        {
            return false;
        }

        var sum = 0f;
        for (var i = 0; i < n; i += RunMaximum)
        {
            sum += SoftmaxRow<TLanes>.Exponentials(x + i, y + i, Math.Min(RunMaximum, n - i), top);
            if (context.Yield())
            {
                return false;
            }
        }

        if (_logarithm)
        {
            UnaryKernel<TLanes, AffineFunction>.Apply(x, y, n, 1, -top - MathF.Log(sum));
        }
        else
        {
            UnaryKernel<TLanes, AffineFunction>.Apply(y, y, n, 1 / sum, 0);
        }

        return true;
    }

    private bool Columns<T>(float* x, float* y, BlockContext context) where T : struct, ILanes<T>
    {
        var top = T.Create(float.NegativeInfinity);
        for (var i = 0; i < _plan.Length; i++)
        {
            top = T.Max(top, T.Load(x + i * _plan.StrideX));
        }

        var sum = T.Create(0);
        for (var i = 0; i < _plan.Length; i++)
        {
            var value = LaneMath.Exp(T.Load(x + i * _plan.StrideX) - top);
            sum += value;
            T.Store(value, y + i * _plan.StrideY);
            if ((i & 255) == 255 && context.Yield())
            {
                return false;
            }
        }

        var scale = T.Create(1) / sum;
        var shift = top + LaneMath.Log(sum);
        for (var i = 0; i < _plan.Length; i++)
        {
            var value = _logarithm ? T.Load(x + i * _plan.StrideX) - shift : T.Load(y + i * _plan.StrideY) * scale;
            T.Store(value, y + i * _plan.StrideY);
        }

        return true;
    }
}
