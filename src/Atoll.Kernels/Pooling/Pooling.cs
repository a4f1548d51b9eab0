using Atoll.Devices;

namespace Atoll.Kernels;

/// <summary>Makes kernels that pool images; views are as for <see cref="Convolution"/>.</summary>
public static class Pooling
{
    /// <summary>Largest value of each window; borders count as minus infinity.</summary>
    public static CpuKernel Maximum(
        string name, TensorRef x, TensorRef y, int kernelHeight, int kernelWidth, ConvolutionGeometry g) =>
        Create<MaximumPool>(name, x, y, new PoolWindow(kernelHeight, kernelWidth, g, false));

    /// <summary>
    /// Mean of each window, over the pixels inside the image, or over border pixels too when they are included. Windows
    /// that reach past the padded image (rounding up) count only what lies in the padded image.
    /// </summary>
    public static CpuKernel Average(string name, TensorRef x, TensorRef y, int kernelHeight, int kernelWidth,
        ConvolutionGeometry g, bool includeBorder) =>
        Create<AveragePool>(name, x, y, new PoolWindow(kernelHeight, kernelWidth, g, includeBorder));

    /// <summary>Mean over all pixels; y is [N, 1, 1, C].</summary>
    public static CpuKernel GlobalAverage(string name, TensorRef x, TensorRef y)
    {
        Convolution.Check(name, x, y, x.Shape[3], x.Shape[3]);
        return Reduction.Create(name, ReductionOperator.Mean, ScalarType.Float32, x, [1, 2], y);
    }

    /// <summary>Largest over all pixels; y is [N, 1, 1, C].</summary>
    public static CpuKernel GlobalMaximum(string name, TensorRef x, TensorRef y)
    {
        Convolution.Check(name, x, y, x.Shape[3], x.Shape[3]);
        return Reduction.Create(name, ReductionOperator.Maximum, ScalarType.Float32, x, [1, 2], y);
    }

    private static CpuKernel Create<TPool>(string name, TensorRef x, TensorRef y, PoolWindow window)
        where TPool : struct, IPool
    {
        Convolution.Check(name, x, y, x.Shape[3], x.Shape[3]);
        return SimdSupport.Current switch
        {
            SimdLevel.Vector512 => new PoolKernel<Lanes16, TPool>(name, x, y, window),
            SimdLevel.Vector256 => new PoolKernel<Lanes8, TPool>(name, x, y, window),
            _ => new PoolKernel<Lanes1, TPool>(name, x, y, window),
        };
    }
}
