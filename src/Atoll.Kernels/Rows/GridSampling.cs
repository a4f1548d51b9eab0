using Atoll.Devices;

namespace Atoll.Kernels;

/// <summary>How a sampled value is made of its neighbours.</summary>
public enum SampleMode
{
    Nearest,
    Linear,
    Cubic,
}

/// <summary>What lies outside an image.</summary>
public enum SamplePadding
{
    Zeros,
    Border,
    Reflection,
}

/// <summary>Attributes of ONNX GridSample.</summary>
public sealed record SampleOptions(SampleMode Mode, SamplePadding Padding, bool AlignCorners);

/// <summary>Makes kernels that sample images at given points.</summary>
public static class GridSampling
{
    /// <summary>
    /// x (N, C, H, W) and y (N, C, h, w) of any strides; the grid (N, h, w, 2) is dense: x and y from -1 to 1.
    /// </summary>
    public static CpuKernel Create(string name, TensorRef x, TensorRef grid, TensorRef y, SampleOptions options) =>
        grid.IsDense && x.Rank == 4 && y.Rank == 4
            ? new GridSampleKernel(name, x, grid, y, options)
            : throw new ArgumentException($"{name}: {x} and {y} must have rank 4, {grid} must be dense");
}

/// <summary>One row is one point: its neighbours are found once for all channels.</summary>
internal sealed unsafe class GridSampleKernel(
    string name, TensorRef x, TensorRef grid, TensorRef y, SampleOptions options)
    : RowKernel(name, grid.Count / 2, 40 + x.Shape[1] * 10.0, [x.Reads(), grid.Reads(), y.Writes()])
{
    private const int TapsMax = 4;
    private const float CubicCoefficient = -0.75f;
    private readonly float* _x = (float*)x.Pointer;
    private readonly float* _y = (float*)y.Pointer;
    private readonly float* _grid = (float*)grid.Pointer;

    protected override bool Row(long row, BlockContext context)
    {
        long* columns = stackalloc long[TapsMax], rows = stackalloc long[TapsMax];
        float* columnWeights = stackalloc float[TapsMax], rowWeights = stackalloc float[TapsMax];
        var across = Axis(_grid[2 * row], x.Shape[3], columns, columnWeights);
        var down = Axis(_grid[2 * row + 1], x.Shape[2], rows, rowWeights);
        long column = row % y.Shape[3], line = row / y.Shape[3] % y.Shape[2], image = row / y.Shape[3] / y.Shape[2];
        var source = _x + image * x.Strides[0];
        var target = _y + image * y.Strides[0] + line * y.Strides[2] + column * y.Strides[3];
        for (var c = 0; c < x.Shape[1]; c++)
        {
            var sum = 0f;
            for (var i = 0; i < across * down; i++)
            {
                long r = rows[i / across], k = columns[i % across];
                sum += r < 0 || k < 0 ? 0
                    : rowWeights[i / across] * columnWeights[i % across] *
                        source[c * x.Strides[1] + r * x.Strides[2] + k * x.Strides[3]];
            }

            target[c * y.Strides[1]] = sum;
            if ((c & 63) == 63 && context.Yield())
            {
                return false;
            }
        }

        return true;
    }

    private int Axis(float coordinate, int size, long* places, float* weights)
    {
        var at = options.AlignCorners ? (coordinate + 1) / 2 * (size - 1) : ((coordinate + 1) * size - 1) / 2;
        at = options.Mode == SampleMode.Nearest ? MathF.Round(at) : at;
        float low = options.AlignCorners ? 0 : -0.5f, high = options.AlignCorners ? size - 1 : size - 0.5f;
        if (at < low || at > high)
        {
            at = options.Padding == SamplePadding.Border ? Math.Clamp(at, 0, size - 1)
                : options.Padding == SamplePadding.Reflection ? Reflect(at, low, high)
                : at;
        }

        if (options.Mode == SampleMode.Nearest)
        {
            (places[0], weights[0]) = (Place(at, size), 1);
            return 1;
        }

        var first = MathF.Floor(at);
        var d = at - first;
        var count = options.Mode == SampleMode.Linear ? 2 : 4;
        for (var tap = 0; tap < count; tap++)
        {
            var place = first + tap - (count == 2 ? 0 : 1);
            places[tap] = Place(place, size);
            weights[tap] = count == 2 ? tap == 0 ? 1 - d : d : Cubic(MathF.Abs(at - place));
        }

        return count;
    }

    private long Place(float at, int size)
    {
        if (at >= 0 && at <= size - 1)
        {
            return (long)at;
        }

        return options.Padding switch
        {
            SamplePadding.Border => at >= 0 ? size - 1 : 0,
            SamplePadding.Reflection => Math.Clamp((long)(options.AlignCorners ? Reflect(at, 0, size - 1)
                : Reflect(at, -0.5f, size - 0.5f)), 0, size - 1),
            _ => -1,
        };
    }

    private static float Reflect(float at, float low, float high)
    {
        var range = high - low;
        if (!(range > 0) || !float.IsFinite(at))
        {
            return MathF.Max(low, 0);
        }

        var distance = at < low ? low - at : at > high ? at - high : 0;
        var turns = MathF.Floor(distance / range);
        var rest = distance - turns * range;
        var isEven = turns % 2 == 0;
        return at < low ? isEven ? low + rest : high - rest : at > high ? isEven ? high - rest : low + rest : at;
    }

    private static float Cubic(float d)
    {
        const float A = CubicCoefficient;
        return d <= 1 ? ((A + 2) * d - (A + 3)) * d * d + 1 : ((A * d - 5 * A) * d + 8 * A) * d - 4 * A;
    }
}
