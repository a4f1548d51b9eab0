using System.Numerics;
using Atoll.Devices;

namespace Atoll.Kernels;

/// <summary>
/// Index of the largest or smallest element along one axis; of equal ones the first, or the last on request.
/// </summary>
internal sealed unsafe class ArgExtremeKernel<T>(string name, bool largest, bool selectLast, ReductionPlan plan)
    : RowKernel(name, plan.Outputs, plan.Length * 1.5, plan.Accesses)
    where T : unmanaged, INumber<T>
{
    private readonly T* _x = (T*)plan.X.Pointer;
    private readonly long* _y = (long*)plan.Y.Pointer;

    protected override bool Row(long row, BlockContext context)
    {
        var (x, y) = plan.Offsets(row);
        long best = 0;
        for (long i = 1; i < plan.Length; i++)
        {
            T value = _x[x + i * plan.Strides[0]], top = _x[x + best * plan.Strides[0]];
            var better = largest ? value > top : value < top;
            best = better || (selectLast && value == top) ? i : best;
            if ((i & 1023) == 1023 && context.Yield())
            {
                return false;
            }
        }

        _y[y] = best;
        return true;
    }
}
