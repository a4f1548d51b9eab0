namespace Atoll.Kernels;

/// <summary>y = activation(x scale + shift), e.g. a batch normalization that could not be folded.</summary>
internal sealed unsafe class ScaleShiftKernel<TLanes>(
    string name, TensorRef x, TensorRef scale, TensorRef shift, TensorRef y, Activation activation)
    : StridedKernel(name, new StridedPlan(1.5, x, scale, shift, y), AccessesOf(x, scale, shift, y))
    where TLanes : struct, ILanes<TLanes>
{
    private readonly delegate*<float*, nint, float, float, void> _activation =
        ActivationFunctions.Of<TLanes>(activation.Kind);

    protected override void Run(byte** operands, int count)
    {
        long strideX = Plan.Inner(0), strideA = Plan.Inner(1), strideB = Plan.Inner(2), strideY = Plan.Inner(3);
        var unit = strideX == sizeof(float) && strideY == sizeof(float);
        var vector = unit && strideA is 0 or sizeof(float) && strideB is 0 or sizeof(float);
        var whole = vector ? count - count % TLanes.Count : 0;
        float* scale = (float*)operands[1], shift = (float*)operands[2], target = (float*)operands[3];
        for (var i = 0; i < whole; i += TLanes.Count)
        {
            var a = strideA == 0 ? TLanes.Create(*scale) : TLanes.Load(scale + i);
            var b = strideB == 0 ? TLanes.Create(*shift) : TLanes.Load(shift + i);
            TLanes.Store(TLanes.Fma(TLanes.Load((float*)operands[0] + i), a, b), target + i);
        }

        for (var i = whole; i < count; i++)
        {
            *(float*)(operands[3] + i * strideY) = MathF.FusedMultiplyAdd(*(float*)(operands[0] + i * strideX),
                *(float*)(operands[1] + i * strideA), *(float*)(operands[2] + i * strideB));
        }

        if (_activation != null)
        {
            Activate(operands[3], strideY, count);
        }
    }

    private void Activate(byte* target, long stride, int count)
    {
        if (stride == sizeof(float))
        {
            _activation((float*)target, count, activation.Alpha, activation.Beta);
            return;
        }

        for (var i = 0; i < count; i++)
        {
            _activation((float*)(target + i * stride), 1, activation.Alpha, activation.Beta);
        }
    }
}
