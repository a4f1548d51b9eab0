using Atoll.Devices;

namespace Atoll.Kernels;

/// <summary>
/// Normalizes each group of channels of each image to mean 0 and variance 1, then scales and shifts by channel.
/// x and y are [N, groups, channels of a group, space] of any strides; one block per image and group.
/// </summary>
internal sealed unsafe class InstanceNormalizationKernel(
    string name, TensorRef x, TensorRef scale, TensorRef shift, TensorRef y, float epsilon)
    : CpuKernel(name, x.Shape[0] * x.Shape[1], [x.Reads(), scale.Reads(), shift.Reads(), y.Writes()])
{
    private readonly float* _x = (float*)x.Pointer;
    private readonly float* _y = (float*)y.Pointer;
    private readonly float* _scale = (float*)scale.Pointer;
    private readonly float* _shift = (float*)shift.Pointer;

    public override double EstimatedBlockMicroseconds => (double)x.Shape[2] * x.Shape[3] * 0.004;

    public override void RunBlock(int block, BlockContext context)
    {
        int image = block / x.Shape[1], group = block % x.Shape[1];
        var source = _x + image * x.Strides[0] + group * x.Strides[1];
        var target = _y + image * y.Strides[0] + group * y.Strides[1];
        int channels = x.Shape[2], space = x.Shape[3];
        double sum = 0, squares = 0;
        for (var pass = 0; pass < 3; pass++)
        {
            var mean = sum / ((double)channels * space);
            var inverse = 1 / Math.Sqrt(squares / ((double)channels * space) + epsilon);
            for (var c = 0; c < channels; c++)
            {
                var a = (float)inverse * _scale[group * channels + c];
                var b = _shift[group * channels + c];
                for (var s = 0; s < space; s++)
                {
                    var value = source[c * x.Strides[2] + s * x.Strides[3]];
                    switch (pass)
                    {
                        case 0:
                            sum += value;
                            break;
                        case 1:
                            squares += (value - mean) * (value - mean);
                            break;
                        default:
                            target[c * y.Strides[2] + s * y.Strides[3]] = (float)(value - mean) * a + b;
                            break;
                    }

                    if ((s & 1023) == 1023 && context.Yield())
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
}
