using Atoll.Devices;

namespace Atoll.Kernels;

/// <summary>Makes Winograd kernels of the current level.</summary>
internal static class WinogradKernel
{
    public static CpuKernel Create(
        string name, TensorRef x, WinogradWeights w, TensorRef y, ConvolutionGeometry g, Epilogue epilogue)
    {
        var plan = WinogradPlan.Choose(ImageView.Of(y), w.Panels);
        var accesses = epilogue.Accesses(x, y);
        return w.Panels.Level switch
        {
            SimdLevel.Vector512 => new WinogradKernel<Lanes16>(name, x, w, y, (g, epilogue, plan), accesses),
            SimdLevel.Vector256 => new WinogradKernel<Lanes8>(name, x, w, y, (g, epilogue, plan), accesses),
            _ => new WinogradKernel<Lanes1>(name, x, w, y, (g, epilogue, plan), accesses),
        };
    }
}

/// <summary>
/// A 3x3 convolution of stride 1 by F(4x4, 3x3): a block transforms its input tiles to scratch memory, multiplies the
/// 36 points by the transformed filters, one panel of channels at a time, and transforms the sums back. 2.25 multiply-
/// adds per output and channel instead of 9; sums differ from the direct form's by some 1e-6 of the largest.
/// </summary>
internal sealed unsafe class WinogradKernel<TLanes>(string name, TensorRef x, WinogradWeights w, TensorRef y,
    (ConvolutionGeometry Geometry, Epilogue Epilogue, WinogradPlan Plan) how, BufferAccess[] accesses)
    : CpuKernel(name, how.Plan.Blocks, accesses)
    where TLanes : struct, ILanes<TLanes>
{
    private const int Points = WinogradWeights.Points;

    // Registers of channels that are transformed between two yield points.
    private const int TransformedTogether = 4;

    private readonly ImageView _x = ImageView.Of(x);
    private readonly ImageView _y = ImageView.Of(y);
    private readonly ImageView _residual = how.Epilogue.Residual is { } r ? ImageView.Of(r) : default;
    private readonly PackedPanels _panels = w.Panels;
    private readonly WinogradPlan _plan = how.Plan;
    private readonly int _channels = w.InputChannels;
    private readonly int _padTop = how.Geometry.PadTop;
    private readonly int _padLeft = how.Geometry.PadLeft;
    private readonly OutputLimits _limits = OutputLimits.Of(how.Epilogue.Activation);
    private readonly Activation _function = how.Epilogue.Activation;
    private readonly delegate*<float*, nint, nint, nint, float, float, void> _activation =
        OutputLimits.Of(how.Epilogue.Activation).Applies ? null
        : ActivationFunctions.RowsOf<TLanes>(how.Epilogue.Activation.Kind);
    private readonly ReductionChunk[] _chunks = ReductionChunk.Split(1, w.InputChannels);
    private readonly int _maxRows = MicroKernels.MaxRows(w.Panels.Level);
    private readonly int _maxTiles = how.Plan.MaxTiles;

    // Points lie a line apart from a multiple of 4 KB, or all would fall into the same places of the caches.
    private readonly nint _pitch = (((nint)how.Plan.MaxTiles * w.InputChannels + 15) & ~15) + 16;

    public override long ScratchBytes => sizeof(float) * (Floats(_channels) + WinogradTransforms.TemporaryFloats
        + Points * _pitch + (nint)Points * _maxTiles * _panels.FullWidth);

    public override double EstimatedBlockMicroseconds =>
        2.0 * Points * _maxTiles * _channels * _panels.N / _plan.Parts / 80e3;

    public override void RunBlock(int block, BlockContext context)
    {
        var (firstTile, lastTile, firstPanel, lastPanel) = _plan.Part(block);
        var zeros = (float*)context.Scratch;
        var temporary = zeros + Floats(_channels);
        var transformed = temporary + WinogradTransforms.TemporaryFloats;
        var sums = transformed + Points * _pitch;
        new Span<float>(zeros, _channels).Clear();
        for (var tile = firstTile; tile < lastTile; tile++)
        {
            var target = transformed + (nint)(tile - firstTile) * _channels;
            if (!TransformInput(tile, target, zeros, temporary, context))
            {
                return;
            }
        }

        for (var panel = firstPanel; panel < lastPanel; panel++)
        {
            if (!Multiply(panel, lastTile - firstTile, transformed, sums, context)
                || !WriteOutputs(panel, (firstTile, lastTile), sums, temporary, context))
            {
                return;
            }
        }
    }

    private static nint Floats(int channels) => (channels + 15) & ~15;

    private bool TransformInput(int tile, float* target, float* zeros, float* temporary, BlockContext context)
    {
        var (image, top, left) = _plan.Place(tile);
        (top, left) = (top - _padTop, left - _padLeft);
        var pixels = stackalloc float*[Points];
        for (var row = 0; row < 6; row++)
        {
            for (var column = 0; column < 6; column++)
            {
                var inside = (uint)(top + row) < (uint)_x.Height && (uint)(left + column) < (uint)_x.Width;
                pixels[row * 6 + column] = inside ? _x.At(image, top + row, left + column) : zeros;
            }
        }

        var channel = 0;
        for (; channel + TLanes.Count <= _channels; channel += TLanes.Count)
        {
            WinogradTransforms.Input<TLanes>(pixels, channel, target + channel, _pitch, temporary);
            if (channel % (TransformedTogether * TLanes.Count) == 0 && context.Yield())
            {
                return false;
            }
        }

        for (; channel < _channels; channel++)
        {
            WinogradTransforms.Input<Lanes1>(pixels, channel, target + channel, _pitch, temporary);
        }

        return !context.Yield();
    }

    /// <summary>sums[point][tile][column] of one panel; false when the block must be left.</summary>
    private bool Multiply(int panel, int tiles, float* transformed, float* sums, BlockContext context)
    {
        nint start = 0;
        Tile tile;
        tile.Width = _panels.Width(panel);
        tile.PitchA = _channels;
        tile.Segments = &start;
        tile.SegmentCount = 1;
        var b = _panels.Panel(panel);
        for (var point = 0; point < Points; point++)
        {
            for (var chunk = 0; chunk < _chunks.Length; chunk++)
            {
                var part = _chunks[chunk];
                tile.SegmentLength = part.Length;
                tile.B = b;
                tile.Flags = TileFlags.StorePartial | (chunk > 0 ? TileFlags.LoadPartial : 0);
                var a = transformed + point * _pitch + part.Offset;
                if (!MultiplyRows(&tile, a, tiles, sums + (nint)point * _maxTiles * tile.Width, context))
                {
                    return false;
                }

                b += (nint)part.Length * tile.Width;
            }
        }

        return true;
    }

    // The first calls prefetch the weights that follow, a quarter each.
    private bool MultiplyRows(Tile* tile, float* a, int tiles, float* sums, BlockContext context)
    {
        var count = TileList.TilesOf(tiles, _maxRows);
        nint chunkBytes = tile->SegmentLength * tile->Width * sizeof(float), row = 0;
        for (var i = 0; i < count; i++)
        {
            tile->Rows = (int)((tiles - row + (count - i) - 1) / (count - i));
            tile->A0 = a + row * _channels;
            tile->A1 = tile->A0 + (nint)((tile->Rows + 1) / 2) * _channels;
            tile->Partial = sums + row * tile->Width;
            tile->Prefetch = (byte*)tile->B + chunkBytes + (i < 4 ? i * chunkBytes / 4 : 0);
            tile->PrefetchStep = i < 4 ? 128 : 0;
            var done = MicroKernels.Run(MicroKernels.Of(_panels.Level, tile->Rows, tile->Width), tile, context);
            row += tile->Rows;
            if (!done || context.Yield())
            {
                return false;
            }
        }

        return true;
    }

    private bool WriteOutputs(
        int panel, (int First, int Last) tiles, float* sums, float* temporary, BlockContext context)
    {
        var width = _panels.Width(panel);
        var columns = _panels.Columns(panel);
        var first = panel * _panels.FullWidth;
        for (var tile = tiles.First; tile < tiles.Last; tile++)
        {
            var (image, row, column) = _plan.Place(tile);
            var place = new OutputTile(image, row, column, first, Math.Min(4, _y.Height - row),
                Math.Min(4, _y.Width - column), (nint)_maxTiles * width);
            var source = sums + (nint)(tile - tiles.First) * width;
            var done = 0;
            for (; done + TLanes.Count <= columns; done += TLanes.Count)
            {
                WriteTile<TLanes>(place, source + done, temporary, first + done);
            }

            for (; done < columns; done++)
            {
                WriteTile<Lanes1>(place, source + done, temporary, first + done);
            }

            if (_activation != null)
            {
                Activate(place, columns);
            }

            if (context.Yield())
            {
                return false;
            }
        }

        return true;
    }

    private void WriteTile<T>(in OutputTile tile, float* sums, float* temporary, int channel)
        where T : struct, ILanes<T>
    {
        WinogradTransforms.OutputColumns<T>(sums, tile.Pitch, temporary);
        var bias = T.Load(_panels.Bias + channel);
        for (var row = 0; row < tile.Rows; row++)
        {
            var (y0, y1, y2, y3) = WinogradTransforms.OutputRow<T>(temporary, row);
            var target = _y.At(tile.Image, tile.Row + row, tile.Column) + channel;
            var residual = _residual.Start == null ? null
                : _residual.At(tile.Image, tile.Row + row, tile.Column) + channel;
            Write(y0 + bias, target, residual, 0);
            if (tile.Columns > 1)
            {
                Write(y1 + bias, target, residual, 1);
            }

            if (tile.Columns > 2)
            {
                Write(y2 + bias, target, residual, 2);
            }

            if (tile.Columns > 3)
            {
                Write(y3 + bias, target, residual, 3);
            }
        }
    }

    private void Write<T>(T value, float* target, float* residual, int column) where T : struct, ILanes<T>
    {
        if (residual != null)
        {
            value += T.Load(residual + column * _residual.PixelPitch);
        }

        T.Store(_limits.Apply(value), target + column * _y.PixelPitch);
    }

    private void Activate(in OutputTile tile, int columns)
    {
        for (var row = 0; row < tile.Rows; row++)
        {
            var pixel = _y.At(tile.Image, tile.Row + row, tile.Column) + tile.Channel;
            _activation(pixel, (nint)_y.PixelPitch, tile.Columns, columns, _function.Alpha, _function.Beta);
        }
    }

    /// <summary>Where a tile's results go, how many of them exist, and the distance between its points.</summary>
    private readonly record struct OutputTile(
        int Image, int Row, int Column, int Channel, int Rows, int Columns, nint Pitch);
}
