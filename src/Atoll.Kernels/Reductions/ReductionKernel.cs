using System.Numerics;
using System.Runtime.CompilerServices;
using Atoll.Devices;

namespace Atoll.Kernels;

/// <summary>
/// Reduces float tensors. Where the innermost reduced axis is contiguous a register runs along it; where a kept axis is
/// contiguous a register holds neighbouring outputs; otherwise elements go one by one.
/// </summary>
internal sealed unsafe class ReductionKernel<TLanes, TAccumulator> : CpuKernel
    where TLanes : struct, ILanes<TLanes>
    where TAccumulator : struct, IAccumulator
{
    private const int RunMaximum = 4096;
    private readonly ReductionPlan _plan;
    private readonly ReductionOperator _operator;
    private readonly float* _x;
    private readonly float* _y;
    private readonly bool _vertical;
    private readonly long _perBlock;

    private ReductionKernel(string name, ReductionPlan plan, ReductionOperator @operator, long perBlock)
        : base(name, (int)Math.Max(1, (plan.Outputs + perBlock - 1) / perBlock), plan.Accesses)
    {
        _plan = plan;
        _operator = @operator;
        _perBlock = perBlock;
        _x = (float*)plan.X.Pointer;
        _y = (float*)plan.Y.Pointer;
        _vertical = plan.OuterSizes.Length > 0 && plan.OuterX[^1] == 1 && plan.OuterY[^1] == 1
            && plan.OuterSizes[^1] >= TLanes.Count;
    }

    public override double EstimatedBlockMicroseconds => Math.Min(_perBlock, _plan.Outputs) * _plan.Length * 0.0005;

    public static ReductionKernel<TLanes, TAccumulator> Create(string name, ReductionPlan plan, ReductionOperator op)
    {
        // About 0.5 ns per element; a block's outputs are whole lines so that blocks share none.
        var perBlock = Math.Max(16, 40_000 / Math.Max(1, plan.Length) & ~15L);
        perBlock = Math.Max(perBlock, plan.Outputs / 4096);
        return new ReductionKernel<TLanes, TAccumulator>(name, plan, op, perBlock);
    }

    public override void RunBlock(int block, BlockContext context)
    {
        var last = Math.Min(_plan.Outputs, (block + 1) * _perBlock);
        for (var output = block * _perBlock; output < last;)
        {
            var (x, y) = _plan.Offsets(output);
            var lineLeft = _vertical ? _plan.OuterSizes[^1] - output % _plan.OuterSizes[^1] : 0;
            if (_vertical && lineLeft >= TLanes.Count && last - output >= TLanes.Count)
            {
                if (!Vertical(_x + x, _y + y, context))
                {
                    return;
                }

                output += TLanes.Count;
                continue;
            }

            if (!Horizontal(_x + x, _y + y, context))
            {
                return;
            }

            output++;
        }
    }

    private bool Vertical(float* x, float* y, BlockContext context)
    {
        var sum = TLanes.Create(TAccumulator.Start<float>());
        long inner = _plan.Sizes[^1], stride = _plan.Strides[^1], rows = _plan.Rows, since = 0;
        for (long row = 0; row < rows; row++)
        {
            var source = x + _plan.RowOffset(row);
            for (long i = 0; i < inner; i++)
            {
                sum = TAccumulator.AddLanes(sum, TLanes.Load(source + i * stride));
                if (++since == RunMaximum / 4)
                {
                    since = 0;
                    if (context.Yield())
                    {
                        return false;
                    }
                }
            }
        }

        TLanes.Store(sum, y);
        for (var i = 0; i < TLanes.Count; i++)
        {
            y[i] = Finish(y[i]);
        }

        return !context.Yield();
    }

    private bool Horizontal(float* x, float* y, BlockContext context)
    {
        var total = TAccumulator.Start<float>();
        long inner = _plan.Sizes[^1], stride = _plan.Strides[^1], rows = _plan.Rows;
        for (long row = 0; row < rows; row++)
        {
            for (long i = 0; i < inner; i += RunMaximum)
            {
                var source = x + _plan.RowOffset(row) + i * stride;
                total = Run(source, stride, (int)Math.Min(RunMaximum, inner - i), total);
                if (context.Yield())
                {
                    return false;
                }
            }
        }

        *y = Finish(total);
        return true;
    }

    [SkipLocalsInit]
    private static float Run(float* source, long stride, int count, float total)
    {
        var i = 0;
        if (stride == 1 && count >= TLanes.Count)
        {
            var sum = TLanes.Create(TAccumulator.Start<float>());
            for (; i + TLanes.Count <= count; i += TLanes.Count)
            {
                sum = TAccumulator.AddLanes(sum, TLanes.Load(source + i));
            }

            // Lanes are joined by the plain operation: squares and magnitudes were taken already.
            var lanes = stackalloc float[16];
            TLanes.Store(sum, lanes);
            for (var lane = 0; lane < TLanes.Count; lane++)
            {
                total = Join(total, lanes[lane]);
            }
        }

        for (; i < count; i++)
        {
            total = TAccumulator.Add(total, source[i * stride]);
        }

        return total;
    }

    private static float Join(float total, float part) =>
        typeof(TAccumulator) == typeof(SumOfSquaresAccumulator)
            || typeof(TAccumulator) == typeof(AbsoluteSumAccumulator)
            ? total + part : TAccumulator.Add(total, part);

    private float Finish(float total) => _operator switch
    {
        ReductionOperator.Mean => total / _plan.Length,
        ReductionOperator.L2 => MathF.Sqrt(total),
        ReductionOperator.LogSum => MathF.Log(total),
        _ => total,
    };
}

/// <summary>Reduces numbers of any type one by one.</summary>
internal sealed unsafe class NumberReductionKernel<T, TAccumulator>(
    string name, ReductionPlan plan, ReductionOperator op)
    : CpuKernel(name, 1, plan.Accesses)
    where T : unmanaged, INumber<T>, IMinMaxValue<T>
    where TAccumulator : struct, IAccumulator
{
    private readonly T* _x = (T*)plan.X.Pointer;
    private readonly T* _y = (T*)plan.Y.Pointer;

    public override double EstimatedBlockMicroseconds => plan.Outputs * plan.Length * 0.002;

    public override void RunBlock(int block, BlockContext context)
    {
        for (long output = 0; output < plan.Outputs; output++)
        {
            var (x, y) = plan.Offsets(output);
            var total = TAccumulator.Start<T>();
            for (long i = 0; i < plan.Length; i++)
            {
                var offset = plan.RowOffset(i / plan.Sizes[^1]) + i % plan.Sizes[^1] * plan.Strides[^1];
                total = TAccumulator.Add(total, _x[x + offset]);
                if ((i & 255) == 255 && context.Yield())
                {
                    return;
                }
            }

            _y[y] = op switch
            {
                // The mean of nothing is none, and no whole number is that.
                ReductionOperator.Mean => plan.Length > 0 || typeof(T) == typeof(double)
                    ? total / T.CreateTruncating(plan.Length) : T.Zero,
                ReductionOperator.L2 => T.CreateTruncating(Math.Sqrt(double.CreateTruncating(total))),
                ReductionOperator.LogSum => T.CreateTruncating(Math.Log(double.CreateTruncating(total))),
                _ => total,
            };
            if (context.Yield())
            {
                return;
            }
        }
    }
}

/// <summary>log Σ e^x without overflow: the maximum is taken out first. Doubles inside.</summary>
internal sealed unsafe class LogSumExpKernel(string name, ReductionPlan plan) : CpuKernel(name, 1, plan.Accesses)
{
    private readonly float* _x = (float*)plan.X.Pointer;
    private readonly float* _y = (float*)plan.Y.Pointer;

    public override void RunBlock(int block, BlockContext context)
    {
        for (long output = 0; output < plan.Outputs; output++)
        {
            var (x, y) = plan.Offsets(output);
            var top = float.NegativeInfinity;
            var sum = 0.0;
            for (var pass = 0; pass < 2; pass++)
            {
                for (long i = 0; i < plan.Length; i++)
                {
                    var offset = plan.RowOffset(i / plan.Sizes[^1]) + i % plan.Sizes[^1] * plan.Strides[^1];
                    var value = _x[x + offset];
                    top = pass == 0 ? MathF.Max(top, value) : top;
                    sum += pass == 0 ? 0 : Math.Exp(value - top);
                    if ((i & 127) == 127 && context.Yield())
                    {
                        return;
                    }
                }
            }

            _y[y] = float.IsInfinity(top) ? top : (float)(top + Math.Log(sum));
            if (context.Yield())
            {
                return;
            }
        }
    }
}
