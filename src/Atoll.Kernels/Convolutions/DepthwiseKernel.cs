using Atoll.Devices;

namespace Atoll.Kernels;

/// <summary>Makes depthwise kernels of the current level.</summary>
internal static class DepthwiseKernel
{
    public static CpuKernel Create(
        string name, TensorRef x, ConvolutionWeights w, TensorRef y, ConvolutionGeometry g, Epilogue epilogue)
    {
        var accesses = epilogue.Accesses(x, y);
        return SimdSupport.Current switch
        {
            SimdLevel.Vector512 => new DepthwiseKernel<Lanes16>(name, x, w, y, g, epilogue, accesses),
            SimdLevel.Vector256 => new DepthwiseKernel<Lanes8>(name, x, w, y, g, epilogue, accesses),
            _ => new DepthwiseKernel<Lanes1>(name, x, w, y, g, epilogue, accesses),
        };
    }
}

/// <summary>
/// One filter per channel, a register of channels at a time. Inside the borders four neighbouring outputs go together,
/// so that each tap is loaded once for all. A block is some output rows of one image.
/// </summary>
internal sealed unsafe class DepthwiseKernel<TLanes>(string name, TensorRef x, ConvolutionWeights w, TensorRef y,
    ConvolutionGeometry g, Epilogue epilogue, BufferAccess[] accesses)
    : CpuKernel(name, y.Shape[0] * PartsOf(w, y), accesses)
    where TLanes : struct, ILanes<TLanes>
{
    // Narrow images are mostly border: it is cheaper to copy them with zeros around them.
    private const int CopiedColumnsMax = 34;
    private const int RowsMax = 14;

    // Short, so that a small layer still has work for several units.
    private const double BlockMicroseconds = 8;

    private readonly ImageView _x = ImageView.Of(x);
    private readonly ImageView _y = ImageView.Of(y);
    private readonly ImageView _residual = epilogue.Residual is { } r ? ImageView.Of(r) : default;
    private readonly OutputLimits _limits = OutputLimits.Of(epilogue.Activation);
    private readonly delegate*<float*, nint, float, float, void> _activation =
        OutputLimits.Of(epilogue.Activation).Applies ? null : ActivationFunctions.Of<TLanes>(epilogue.Activation.Kind);
    private readonly Activation _function = epilogue.Activation;
    private readonly float* _weights = w.Depthwise;
    private readonly int _kernelHeight = w.KernelHeight;
    private readonly int _kernelWidth = w.KernelWidth;
    private readonly int _parts = PartsOf(w, y);

    // Width and stride of windows whose neighbours share inputs; without dilation.
    private readonly (int Width, int Stride) _sharing = g.DilationWidth == 1 ? (w.KernelWidth, g.StrideWidth) : (0, 0);

    public override double EstimatedBlockMicroseconds => LineMicroseconds(w, y) * y.Shape[1] / _parts;

    // Inputs with their border zeros: rows of a block, columns, a register of channels.
    private readonly int _copiedColumns = (y.Shape[2] - 1) + (w.KernelWidth - 1) * g.DilationWidth + 1;
    private readonly int _copiedRows = (y.Shape[1] + PartsOf(w, y) - 1) / PartsOf(w, y)
        + (w.KernelHeight - 1) * g.DilationHeight;

    private bool Copies =>
        g is { StrideHeight: 1, StrideWidth: 1 } && _copiedColumns <= CopiedColumnsMax && _y.Width >= 4;

    public override int ScratchBytes => Copies ? sizeof(float) * TLanes.Count * _copiedColumns * _copiedRows : 0;

    public override void RunBlock(int block, BlockContext context)
    {
        var (first, last) = BlockSplit.Part(_y.Height, _parts, block % _parts);
        if (Copies)
        {
            RunCopied(block / _parts, first, last, context);
            return;
        }

        for (var row = first; row < last; row++)
        {
            if (!Line(block / _parts, row, context))
            {
                return;
            }
        }
    }

    private void RunCopied(int image, int first, int last, BlockContext context)
    {
        var channel = 0;
        for (; channel + TLanes.Count <= _y.Channels; channel += TLanes.Count)
        {
            Copied<TLanes>(image, (first, last), channel, (float*)context.Scratch);
            if (context.Yield())
            {
                return;
            }
        }

        for (; channel < _y.Channels; channel++)
        {
            Copied<Lanes1>(image, (first, last), channel, (float*)context.Scratch);
            if (context.Yield())
            {
                return;
            }
        }

        for (var row = first; row < last; row++)
        {
            if (!Activate(_y.At(image, row, 0), context))
            {
                return;
            }
        }
    }

    private void Copied<T>(int image, (int First, int Last) rows, int channel, float* scratch)
        where T : struct, ILanes<T>
    {
        nint rowStep = (nint)_copiedColumns * T.Count;
        var last = rows.Last - rows.First + (_kernelHeight - 1) * g.DilationHeight;
        for (var row = 0; row < last; row++)
        {
            CopyLine<T>(image, rows.First - g.PadTop + row, channel, scratch + row * rowStep);
        }

        var window = new DepthwiseWindow
        {
            Weights = _weights + channel, Rows = _kernelHeight, RowStep = rowStep * g.DilationHeight,
            Pixel = T.Count * g.DilationWidth, OutputStep = T.Count, Channels = _y.Channels,
        };
        for (var row = rows.First; row < rows.Last; row++)
        {
            var target = _y.At(image, row, 0);
            var residual = _residual.Start == null ? null : _residual.At(image, row, 0);
            // The last four may repeat outputs of the four before them.
            for (var column = 0; column < _y.Width; column += 4)
            {
                var start = Math.Min(column, _y.Width - 4);
                window.Source = scratch + (row - rows.First) * rowStep + start * T.Count;
                StoreFour<T>(window, target, residual, channel, start);
            }
        }
    }

    private void CopyLine<T>(int image, int row, int channel, float* target) where T : struct, ILanes<T>
    {
        for (var column = -g.PadLeft; column < _copiedColumns - g.PadLeft; column++, target += T.Count)
        {
            var inside = (uint)row < (uint)_x.Height && (uint)column < (uint)_x.Width;
            T.Store(inside ? T.Load(_x.At(image, row, column) + channel) : T.Create(0f), target);
        }
    }

    private bool Line(int image, int row, BlockContext context)
    {
        var top = row * g.StrideHeight - g.PadTop;
        int firstTap = 0, lastTap = _kernelHeight;
        while (firstTap < lastTap && top + firstTap * g.DilationHeight < 0)
        {
            firstTap++;
        }

        while (lastTap > firstTap && top + (lastTap - 1) * g.DilationHeight >= _x.Height)
        {
            lastTap--;
        }

        var taps = new Taps(_x.At(image, top, -g.PadLeft), firstTap, lastTap);
        var target = _y.At(image, row, 0);
        var residual = _residual.Start == null ? null : _residual.At(image, row, 0);
        var channel = 0;
        for (; channel + TLanes.Count <= _y.Channels; channel += TLanes.Count)
        {
            Channels<TLanes>(taps, target, residual, channel);
            if (context.Yield())
            {
                return false;
            }
        }

        for (; channel < _y.Channels; channel++)
        {
            Channels<Lanes1>(taps, target, residual, channel);
            if (context.Yield())
            {
                return false;
            }
        }

        return Activate(target, context);
    }

    private bool Activate(float* target, BlockContext context)
    {
        if (_activation == null)
        {
            return true;
        }

        for (var column = 0; column < _y.Width; column++)
        {
            _activation(target + column * _y.PixelPitch, _y.Channels, _function.Alpha, _function.Beta);
            if (context.Yield())
            {
                return false;
            }
        }

        return true;
    }

    private void Channels<T>(in Taps taps, float* target, float* residual, int channel) where T : struct, ILanes<T>
    {
        int span = (_kernelWidth - 1) * g.DilationWidth, column = 0;
        while (column < _y.Width)
        {
            var left = column * g.StrideWidth - g.PadLeft;
            // The fourth output's window must end inside too.
            if (left >= 0 && column + 4 <= _y.Width && left + 3 * g.StrideWidth + span < _x.Width)
            {
                Four<T>(taps, target, residual, channel, column);
                column += 4;
                continue;
            }

            One<T>(taps, target, residual, channel, column);
            column++;
        }
    }

    private void Four<T>(in Taps taps, float* target, float* residual, int channel, int column)
        where T : struct, ILanes<T>
    {
        var window = new DepthwiseWindow
        {
            Source = taps.Source + taps.First * g.DilationHeight * _x.RowPitch
                + column * _x.PixelPitch * g.StrideWidth + channel,
            Weights = _weights + taps.First * _kernelWidth * _y.Channels + channel,
            Rows = taps.Last - taps.First,
            RowStep = (nint)(g.DilationHeight * _x.RowPitch),
            Pixel = (nint)_x.PixelPitch * g.DilationWidth,
            OutputStep = (nint)_x.PixelPitch * g.StrideWidth,
            Channels = _y.Channels,
        };
        StoreFour<T>(window, target, residual, channel, column);
    }

    private void StoreFour<T>(in DepthwiseWindow window, float* target, float* residual, int channel, int column)
        where T : struct, ILanes<T>
    {
        var bias = T.Load(_weights + _kernelHeight * _kernelWidth * _y.Channels + channel);
        var (s0, s1, s2, s3) = _sharing switch
        {
            (3, 1) => DepthwiseWindow.Three(window, bias),
            (3, 2) => DepthwiseWindow.ThreeByTwo(window, bias),
            (5, 1) => DepthwiseWindow.Five(window, bias),
            _ => DepthwiseWindow.Any(window, _kernelWidth, bias),
        };
        Store(s0, target, residual, column, channel);
        Store(s1, target, residual, column + 1, channel);
        Store(s2, target, residual, column + 2, channel);
        Store(s3, target, residual, column + 3, channel);
    }

    private void One<T>(in Taps taps, float* target, float* residual, int channel, int column)
        where T : struct, ILanes<T>
    {
        var left = column * g.StrideWidth - g.PadLeft;
        var sum = T.Load(_weights + _kernelHeight * _kernelWidth * _y.Channels + channel);
        for (var ky = taps.First; ky < taps.Last; ky++)
        {
            for (var kx = 0; kx < _kernelWidth; kx++)
            {
                var at = left + kx * g.DilationWidth;
                if (at >= 0 && at < _x.Width)
                {
                    var source = taps.Source + ky * g.DilationHeight * _x.RowPitch + (at + g.PadLeft) * _x.PixelPitch;
                    sum = T.Fma(T.Load(source + channel),
                        T.Load(_weights + (ky * _kernelWidth + kx) * _y.Channels + channel), sum);
                }
            }
        }

        Store(sum, target, residual, column, channel);
    }

    private void Store<T>(T sum, float* target, float* residual, int column, int channel) where T : struct, ILanes<T>
    {
        if (residual != null)
        {
            sum += T.Load(residual + column * _residual.PixelPitch + channel);
        }

        T.Store(_limits.Apply(sum), target + column * _y.PixelPitch + channel);
    }

    private static double LineMicroseconds(ConvolutionWeights w, TensorRef y) =>
        2.0 * w.KernelHeight * w.KernelWidth * y.Shape[2] * y.Shape[3] / 45e3;

    private static int PartsOf(ConvolutionWeights w, TensorRef y) =>
        (int)Math.Clamp(Math.Ceiling(Math.Max(LineMicroseconds(w, y) * y.Shape[1] / BlockMicroseconds,
            y.Shape[1] / (double)RowsMax)), 1, y.Shape[1]);

    /// <summary>Where the window of column 0 starts, and the kernel rows that lie inside the image.</summary>
    private readonly struct Taps(float* source, int first, int last)
    {
        public float* Source { get; } = source;

        public int First { get; } = first;

        public int Last { get; } = last;
    }
}
