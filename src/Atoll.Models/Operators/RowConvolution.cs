using System.Numerics;

namespace Atoll.Models;

/// <summary>
/// Convolves one plane with one kernel, output row by output row, over three spatial axes (missing leading ones are 1).
/// </summary>
internal sealed class RowConvolution
{
    private readonly int[] _input, _output, _kernel, _strides, _dilations, _pads;

    public RowConvolution(SpatialWindow window)
    {
        _input = Three(window.Input, 1);
        _output = Three(window.Output, 1);
        _kernel = Three(window.Kernel, 1);
        _strides = Three(window.Strides, 1);
        _dilations = Three(window.Dilations, 1);
        _pads = Three(window.PadsBegin, 0);
    }

    public int InputSize => _input[0] * _input[1] * _input[2];

    public int OutputSize => _output[0] * _output[1] * _output[2];

    public int KernelSize => _kernel[0] * _kernel[1] * _kernel[2];

    /// <summary>plane (output) += kernel * input.</summary>
    public void Add<T>(ReadOnlySpan<T> input, ReadOnlySpan<T> kernel, Span<T> plane) where T : unmanaged, INumber<T>
    {
        foreach (var row in Rows())
        {
            var weight = kernel[row.Kernel];
            for (var i = 0; i < row.Count; i++)
            {
                plane[row.Output + i] += weight * input[row.Input + i * _strides[2]];
            }
        }
    }

    /// <summary>The gradient of <see cref="Add"/>: plane (input) += kernel * output, scattered.</summary>
    public void Scatter<T>(ReadOnlySpan<T> output, ReadOnlySpan<T> kernel, Span<T> plane)
        where T : unmanaged, INumber<T>
    {
        foreach (var row in Rows())
        {
            var weight = kernel[row.Kernel];
            for (var i = 0; i < row.Count; i++)
            {
                plane[row.Input + i * _strides[2]] += weight * output[row.Output + i];
            }
        }
    }

    private IEnumerable<Row> Rows()
    {
        for (var k = 0; k < KernelSize; k++)
        {
            var (kd, kh, kw) = (k / (_kernel[1] * _kernel[2]), k / _kernel[2] % _kernel[1], k % _kernel[2]);
            // Output columns whose input column lies inside the plane.
            var shift = kw * _dilations[2] - _pads[2];
            var first = shift >= 0 ? 0 : (-shift + _strides[2] - 1) / _strides[2];
            var end = _input[2] - shift <= 0 ? 0 : Math.Min(_output[2], (_input[2] - shift - 1) / _strides[2] + 1);
            for (var line = 0; line < _output[0] * _output[1] && end > first; line++)
            {
                var depth = line / _output[1] * _strides[0] + kd * _dilations[0] - _pads[0];
                var height = line % _output[1] * _strides[1] + kh * _dilations[1] - _pads[1];
                if (depth >= 0 && depth < _input[0] && height >= 0 && height < _input[1])
                {
                    yield return new Row(k, (depth * _input[1] + height) * _input[2] + first * _strides[2] + shift,
                        line * _output[2] + first, end - first);
                }
            }
        }
    }

    private static int[] Three(long[] values, int missing) =>
        [.. Enumerable.Repeat(missing, 3 - values.Length), .. values.Select(v => checked((int)v))];

    /// <summary>
    /// A run of outputs that one kernel element feeds: offsets into kernel, input and output, and the run's length.
    /// </summary>
    private readonly record struct Row(int Kernel, int Input, int Output, int Count);
}
