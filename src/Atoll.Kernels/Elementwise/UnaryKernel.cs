using System.Runtime.CompilerServices;

namespace Atoll.Kernels;

/// <summary>y = f(x) on floats of any strides; unit strides go by whole registers.</summary>
internal sealed unsafe class UnaryKernel<TLanes, TFunction>(
    string name, TensorRef x, TensorRef y, float alpha, float beta)
    : StridedKernel(name, new StridedPlan(1, x, y), AccessesOf(x, y))
    where TLanes : struct, ILanes<TLanes>
    where TFunction : struct, IUnaryFunction
{
    protected override void Run(byte** operands, int count)
    {
        float* source = (float*)operands[0], target = (float*)operands[1];
        if (Plan.Inner(0) == sizeof(float) && Plan.Inner(1) == sizeof(float))
        {
            Apply(source, target, count, alpha, beta);
            return;
        }

        for (var i = 0; i < count; i++)
        {
            var value = TFunction.Invoke(
                Lanes1.Load((float*)(operands[0] + i * Plan.Inner(0))), Lanes1.Create(alpha), Lanes1.Create(beta));
            Lanes1.Store(value, (float*)(operands[1] + i * Plan.Inner(1)));
        }
    }

    /// <summary>The loop over contiguous floats; source and target may be the same.</summary>
    public static void Apply(float* source, float* target, nint count, float alpha, float beta)
    {
        TLanes a = TLanes.Create(alpha), b = TLanes.Create(beta);
        nint i = 0;
        for (; i + TLanes.Count <= count; i += TLanes.Count)
        {
            TLanes.Store(TFunction.Invoke(TLanes.Load(source + i), a, b), target + i);
        }

        if (i < count)
        {
            Tail(source + i, target + i, (int)(count - i), a, b);
        }
    }

    [SkipLocalsInit]
    private static void Tail(float* source, float* target, int count, TLanes a, TLanes b)
    {
        var buffer = stackalloc float[16];
        TLanes.Store(TLanes.Create(0), buffer);
        Unsafe.CopyBlock(buffer, source, (uint)count * sizeof(float));
        TLanes.Store(TFunction.Invoke(TLanes.Load(buffer), a, b), buffer);
        Unsafe.CopyBlock(target, buffer, (uint)count * sizeof(float));
    }
}
