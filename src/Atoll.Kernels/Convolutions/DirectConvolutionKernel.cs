using Atoll.Devices;

namespace Atoll.Kernels;

/// <summary>
/// Convolution as an implicit matrix product: rows are output pixels, read where the input lies; each window is a few
/// contiguous segments. A block is a rectangle of pixels times some panels of channels. Where its window crosses the
/// border, the block first copies its input with zeros around it to scratch memory.
/// </summary>
internal sealed unsafe class DirectConvolutionKernel : CpuKernel
{
    private const int CopyFloats = 2048;
    private readonly ConvolutionWindow _window;
    private readonly ImageView _x;
    private readonly ImageView _y;
    private readonly ImageView _residual;
    private readonly ImageView _gate;
    private readonly RegionPlan _plan;
    private readonly PanelMultiply _inPlace;
    private readonly PanelMultiply _padded;
    private readonly int _paddedColumns;
    private readonly int _maxTiles;

    private DirectConvolutionKernel(string name, Operands operands, RegionPlan plan, PackedPanels panels,
        ConvolutionWindow window, Epilogue epilogue, BufferAccess[] accesses)
        : base(name, plan.Blocks, accesses)
    {
        (_x, _y, _residual, _plan, _window) = (operands.X, operands.Y, operands.Residual, plan, window);
        var (starts, length) = window.Segments(_x.RowPitch, _x.PixelPitch);
        var stride = window.Geometry.StrideWidth;
        _inPlace = new PanelMultiply(panels, starts, length, epilogue)
        {
            PitchA = (nint)_x.PixelPitch * stride, PitchC = (nint)_y.PixelPitch,
            PitchResidual = (nint)_residual.PixelPitch,
            FetchesInputs = _x.Bytes > TilePrefetch.FarBytes, FetchesOutputs = _y.Bytes > TilePrefetch.FarBytes,
        };
        _paddedColumns = window.InputColumns(plan.MaxColumns);
        (starts, length) = window.Segments((long)_paddedColumns * window.Channels, window.Channels);
        _padded = new PanelMultiply(panels, starts, length, epilogue)
        {
            PitchA = window.Channels * stride, PitchC = (nint)_y.PixelPitch, PitchResidual = (nint)_residual.PixelPitch,
            FetchesOutputs = _y.Bytes > TilePrefetch.FarBytes,
        };
        _maxTiles = plan.MaxRows * TileList.TilesOf(plan.MaxColumns, _inPlace.MaxRows);
        _gate = epilogue.Gate is { } gate ? ImageView.Of(gate) : default;
        // A gated convolution is pointwise, so the scaled panel lies where others have the padded copy.
        ScratchBytes = 64 + (long)_maxTiles * sizeof(TileRows) + sizeof(float) * (_inPlace.PartialFloats(_maxTiles)
            + (epilogue.Gate != null ? _inPlace.ScaledFloats
                : (long)window.InputRows(plan.MaxRows) * _paddedColumns * window.Channels));
    }

    public override long ScratchBytes { get; }

    public override double EstimatedBlockMicroseconds => _plan.Microseconds;

    public static DirectConvolutionKernel Create(
        string name, TensorRef x, PackedPanels panels, TensorRef y, ConvolutionWindow window, Epilogue epilogue)
    {
        var accesses = epilogue.Accesses(x, y);
        var operands = new Operands(ImageView.Of(x), ImageView.Of(y), epilogue.Residual is { } view
            ? ImageView.Of(view) : default);
        if (window.IsPointwise && operands.CanFlatten(epilogue))
        {
            // Without borders and strides all images are one line of pixels; a gate belongs to one of them.
            operands = operands.Flatten(epilogue);
        }

        var plan = RegionPlan.Choose(operands.X, operands.Y, panels, window);
        return new DirectConvolutionKernel(name, operands, plan, panels, window, epilogue, accesses);
    }

    public override void RunBlock(int block, BlockContext context)
    {
        var region = _plan.Region(block);
        var partial = (float*)context.Scratch;
        var tiles = (TileRows*)(partial + _inPlace.PartialFloats(_maxTiles));
        var copy = (float*)(tiles + _maxTiles);
        var geometry = _window.Geometry;
        int top = region.Row * geometry.StrideHeight - geometry.PadTop;
        int left = region.Column * geometry.StrideWidth - geometry.PadLeft;
        int rows = _window.InputRows(region.Rows), columns = _window.InputColumns(region.Columns);
        var inside = top >= 0 && left >= 0 && top + rows <= _x.Height && left + columns <= _x.Width;
        var source = new ImageView
        {
            Start = inside ? _x.At(region.Image, top, left) : copy,
            RowPitch = inside ? _x.RowPitch : (long)_paddedColumns * _window.Channels,
            PixelPitch = inside ? _x.PixelPitch : _window.Channels,
        };
        if (!inside && !CopyPadded(region.Image, top, left, rows, columns, copy, context))
        {
            return;
        }

        var count = AddTiles(tiles, source, region);
        var multiply = inside ? _inPlace : _padded;
        var scale = _gate.Start == null ? default : new PanelScale(_gate.At(region.Image, 0, 0), copy);
        multiply.RunScaled(tiles, count, region.FirstPanel, region.LastPanel, partial, scale, context);
    }

    private bool CopyPadded(int image, int top, int left, int rows, int columns, float* target, BlockContext context)
    {
        var channels = _window.Channels;
        // Columns of the window that lie inside the image.
        int first = Math.Clamp(-left, 0, columns), last = Math.Clamp(_x.Width - left, first, columns);
        for (var row = 0; row < rows; row++, target += _paddedColumns * channels)
        {
            var line = new Span<float>(target, columns * channels);
            if (top + row < 0 || top + row >= _x.Height)
            {
                line.Clear();
            }
            else
            {
                line[..(first * channels)].Clear();
                line[(last * channels)..].Clear();
                var inside = line[(first * channels)..(last * channels)];
                if (!CopyLine(_x.At(image, top + row, left + first), inside, channels, context))
                {
                    return false;
                }
            }

            if (context.Yield())
            {
                return false;
            }
        }

        return true;
    }

    /// <summary>Copies pixels, some microsecond of them at a time.</summary>
    private bool CopyLine(float* source, Span<float> target, int channels, BlockContext context)
    {
        var together = Math.Max(1, CopyFloats / channels);
        for (; target.Length > together * channels; target = target[(together * channels)..])
        {
            CopyPixels(source, target[..(together * channels)], channels);
            source += together * _x.PixelPitch;
            if (context.Yield())
            {
                return false;
            }
        }

        CopyPixels(source, target, channels);
        return true;
    }

    private void CopyPixels(float* source, Span<float> target, int channels)
    {
        if (_x.PixelPitch == channels)
        {
            new ReadOnlySpan<float>(source, target.Length).CopyTo(target);
            return;
        }

        for (; target.Length > 0; target = target[channels..], source += _x.PixelPitch)
        {
            new ReadOnlySpan<float>(source, channels).CopyTo(target);
        }
    }

    private int AddTiles(TileRows* tiles, ImageView source, Region region)
    {
        var geometry = _window.Geometry;
        var count = 0;
        var maxRows = _inPlace.MaxRows;
        for (var row = 0; row < region.Rows; row++)
        {
            var a = source.Line(row * geometry.StrideHeight, geometry.StrideWidth);
            var c = _y.From(region, row).Line(0, 1);
            var residual = _residual.From(region, row).Line(0, 1);
            if (region.Columns * 2 <= maxRows && row + 1 < region.Rows)
            {
                // Two narrow lines make one tile: its halves have their own addresses.
                tiles[count++] = new TileRows
                {
                    Rows = region.Columns * 2,
                    A0 = a.Start, A1 = source.Line((row + 1) * geometry.StrideHeight, 1).Start,
                    C0 = c.Start, C1 = _y.From(region, row + 1).Start,
                    Residual0 = residual.Start, Residual1 = _residual.From(region, row + 1).Start,
                };
                row++;
                continue;
            }

            count += TileList.AddLine(tiles + count, maxRows, region.Columns, a, c, residual);
        }

        return count;
    }

    private readonly record struct Operands(ImageView X, ImageView Y, ImageView Residual)
    {
        public bool CanFlatten(Epilogue epilogue) => epilogue.Gate == null
            ? X.IsLine && Y.IsLine && (epilogue.Residual == null || Residual.IsLine)
            : X.IsLinePerImage && Y.IsLinePerImage && (epilogue.Residual == null || Residual.IsLinePerImage);

        public Operands Flatten(Epilogue epilogue) => epilogue.Gate == null
            ? new(X.AsLine(), Y.AsLine(), epilogue.Residual == null ? Residual : Residual.AsLine())
            : new(X.AsLinePerImage(), Y.AsLinePerImage(), epilogue.Residual == null ? Residual
                : Residual.AsLinePerImage());
    }
}
