using Atoll.Devices;

namespace Atoll.Kernels;

/// <summary>
/// Copies 4-byte elements where x is contiguous along one axis and y along another: strips of 16 lines go through
/// registers in squares of eight, so that both sides move whole cache lines.
/// </summary>
internal sealed unsafe class TransposeKernel : CpuKernel
{
    private const int StripLines = 16;
    private const int RunMaximum = 128;
    private readonly StridedPlan _plan;
    private readonly int _axis;
    private readonly long _strips;

    private TransposeKernel(string name, StridedPlan plan, int axis, long strips, int blocks, BufferAccess[] accesses)
        : base(name, blocks, accesses)
    {
        (_plan, _axis, _strips) = (plan, axis, strips);
    }

    public override double EstimatedBlockMicroseconds => _plan.Count * 0.0006 / Blocks;

    /// <summary>Null where the views do not lie like that.</summary>
    public static TransposeKernel? TryCreate(string name, TensorRef x, TensorRef y)
    {
        var plan = new StridedPlan(1, x, y);
        var inner = plan.Sizes.Length - 1;
        var axis = Array.IndexOf(plan.Strides[0], sizeof(float));
        if (SimdSupport.Current == SimdLevel.Scalar || axis < 0 || axis == inner || plan.Inner(1) != sizeof(float)
            || plan.Sizes[axis] < 8 || plan.Sizes[inner] < 8 || plan.Count == 0)
        {
            return null;
        }

        var strips = plan.Count / plan.Sizes[axis] / plan.Sizes[inner]
            * ((plan.Sizes[axis] + StripLines - 1) / StripLines);
        var blocks = (int)Math.Clamp(plan.Count / 32768, 1, Math.Min(strips, 4096));
        return new TransposeKernel(name, plan, axis, strips, blocks, [x.Reads(), y.Writes()]);
    }

    public override void RunBlock(int block, BlockContext context)
    {
        var last = _strips * (block + 1) / Blocks;
        for (var strip = _strips * block / Blocks; strip < last; strip++)
        {
            if (!Strip(strip, context))
            {
                return;
            }
        }
    }

    private bool Strip(long strip, BlockContext context)
    {
        var inner = _plan.Sizes.Length - 1;
        var perAxis = (_plan.Sizes[_axis] + StripLines - 1) / StripLines;
        var line = strip % perAxis * StripLines;
        var rest = strip / perAxis;
        byte* source = _plan.Base(0) + line * sizeof(float), target = _plan.Base(1) + line * _plan.Strides[1][_axis];
        for (var axis = inner - 1; axis >= 0; axis--)
        {
            if (axis != _axis)
            {
                source += rest % _plan.Sizes[axis] * _plan.Strides[0][axis];
                target += rest % _plan.Sizes[axis] * _plan.Strides[1][axis];
                rest /= _plan.Sizes[axis];
            }
        }

        var lines = (int)Math.Min(StripLines, _plan.Sizes[_axis] - line);
        nint step = (nint)_plan.Inner(0) / sizeof(float), pitch = (nint)_plan.Strides[1][_axis] / sizeof(float);
        for (long column = 0; column < _plan.Sizes[inner]; column += RunMaximum)
        {
            var columns = (int)Math.Min(RunMaximum, _plan.Sizes[inner] - column);
            DynamicPanel.Transpose((float*)source + column * step, step, lines, columns, (float*)target + column,
                pitch);
            if (context.Yield())
            {
                return false;
            }
        }

        return true;
    }
}
