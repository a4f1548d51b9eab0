using Atoll.Devices;

namespace Atoll.Kernels;

/// <summary>
/// y = x / (bias + alpha / size Σ x²)^beta, the sum over neighbouring channels; views are [N, C, H, W] of any strides.
/// </summary>
internal sealed unsafe class LocalResponseKernel(string name, TensorRef x, TensorRef y, LocalResponseOptions options)
    : CpuKernel(name, x.Shape[0] * x.Shape[2], [x.Reads(), y.Writes()])
{
    private readonly float* _x = (float*)x.Pointer;
    private readonly float* _y = (float*)y.Pointer;

    public override double EstimatedBlockMicroseconds => (double)x.Shape[1] * x.Shape[3] * 0.03;

    public override void RunBlock(int block, BlockContext context)
    {
        int image = block / x.Shape[2], row = block % x.Shape[2], channels = x.Shape[1];
        int before = (options.Size - 1) / 2, after = options.Size - 1 - before;
        for (var column = 0; column < x.Shape[3]; column++)
        {
            var source = _x + image * x.Strides[0] + row * x.Strides[2] + column * x.Strides[3];
            var target = _y + image * y.Strides[0] + row * y.Strides[2] + column * y.Strides[3];
            for (var c = 0; c < channels; c++)
            {
                var sum = 0f;
                for (var k = Math.Max(0, c - before); k <= Math.Min(channels - 1, c + after); k++)
                {
                    sum += source[k * x.Strides[1]] * source[k * x.Strides[1]];
                }

                var scale = MathF.Pow(options.Bias + options.Alpha / options.Size * sum, -options.Beta);
                target[c * y.Strides[1]] = source[c * x.Strides[1]] * scale;
                if ((c & 63) == 63 && context.Yield())
                {
                    return;
                }
            }

            if (context.Yield())
            {
                return;
            }
        }
    }
}

/// <summary>Attributes of ONNX LRN; Size counts channels.</summary>
public sealed record LocalResponseOptions(int Size, float Alpha = 1e-4f, float Beta = 0.75f, float Bias = 1);
