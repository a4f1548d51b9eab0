using Atoll.Devices;

namespace Atoll.Kernels;

/// <summary>A depthwise layer, and what of its neighbours is computed with it.</summary>
/// <param name="Weights">One filter per channel.</param>
/// <param name="Geometry">Strides, borders and dilations.</param>
/// <param name="Epilogue">What happens to the sums.</param>
public sealed record DepthwiseLayer(ConvolutionWeights Weights, ConvolutionGeometry Geometry, Epilogue Epilogue)
{
    /// <summary>The pointwise convolution that makes the filter's input, or null.</summary>
    public ConvolutionWeights? Expansion { get; init; }

    /// <summary>How the expansion ends.</summary>
    public Activation ExpansionActivation { get; init; }

    /// <summary>
    /// Where the means over the image go, [N, parts, 1, C]: each part's share, to be summed. Null: nowhere.
    /// </summary>
    public TensorRef? Means { get; init; }
}

/// <summary>Makes depthwise kernels of the current level.</summary>
internal static class DepthwiseKernel
{
    public static CpuKernel Create(string name, TensorRef x, DepthwiseLayer layer, TensorRef y)
    {
        BufferAccess[] accesses = [.. layer.Epilogue.Accesses(x, y), .. layer.Means is { } m ? [m.Writes()]
            : Array.Empty<BufferAccess>()];
        var tiles = TilesOf(layer, y) ?? throw new ArgumentException(
            $"{name}: windows of {layer.Weights.Shape} with {layer.Geometry} reach too far for scratch memory");
        var kernels = new CpuKernel[tiles.Count];
        for (var i = 0; i < kernels.Length; i++)
        {
            kernels[i] = Create(name, tiles.Part(i, x, layer, y), tiles.Plan, accesses);
        }

        return kernels is [var only] ? only : new TiledKernel(name, kernels, accesses);
    }

    /// <summary>Into how many shares of the means the output is cut; 0 where no kernel can make it.</summary>
    public static int PartsOf(DepthwiseLayer layer, TensorRef y) => TilesOf(layer, y)?.MeansParts ?? 0;

    private static DepthwiseTiles? TilesOf(DepthwiseLayer layer, TensorRef y) => DepthwiseTiles.Choose(
        y.Shape, (layer.Weights.KernelHeight, layer.Weights.KernelWidth), layer.Geometry,
        layer.Expansion?.InputChannels ?? 0);

    private static CpuKernel Create(string name, (TensorRef X, DepthwiseLayer Layer, TensorRef Y) part,
        DepthwisePlan plan, BufferAccess[] accesses) => part.Layer.Weights.Level switch
        {
            SimdLevel.Vector512 => new DepthwiseKernel<Lanes16>(name, part.X, part.Layer, part.Y, plan, accesses),
            SimdLevel.Vector256 => new DepthwiseKernel<Lanes8>(name, part.X, part.Layer, part.Y, plan, accesses),
            _ => new DepthwiseKernel<Lanes1>(name, part.X, part.Layer, part.Y, plan, accesses),
        };
}

/// <summary>
/// One filter per channel. A block takes some lines of a panel of channels at a time: the inputs come into a strip
/// in the near cache, copied or made by the pointwise convolution before, a few lines at once, and the lines of
/// outputs follow as soon as their inputs are there.
/// </summary>
internal sealed unsafe class DepthwiseKernel<TLanes> : CpuKernel
    where TLanes : struct, ILanes<TLanes>
{
    // Lines that are made at once should still be in the nearest cache when they are read.
    private const int NearBytes = 20 << 10;

    private readonly ImageView _x;
    private readonly ImageView _y;
    private readonly ImageView _residual;
    private readonly ImageView _means;
    private readonly DepthwisePlan _plan;
    private readonly ConvolutionGeometry _g;
    private readonly StripSource _source;
    private readonly DepthwiseLine _line;
    private readonly delegate*<in DepthwiseLine, void> _taps;
    private readonly delegate*<float*, nint, float, float, void> _activation;
    private readonly Activation _function;
    private readonly float* _weights;
    private readonly bool _isDirect;
    private readonly bool _fetchesOutputs;

    // The strip: the input lines of a part, with the columns of both borders. Lines that a window spans; lines that are
    // made at once.
    private readonly int _span;
    private readonly int _columns;
    private readonly int _linesAtOnce;

    public DepthwiseKernel(string name, TensorRef x, DepthwiseLayer layer, TensorRef y, DepthwisePlan plan,
        BufferAccess[] accesses)
        : base(name, plan.Blocks, accesses)
    {
        var w = layer.Weights;
        (_x, _y, _plan, _g) = (ImageView.Of(x), ImageView.Of(y), plan, layer.Geometry);
        _weights = w.Depthwise;
        _residual = layer.Epilogue.Residual is { } r ? ImageView.Of(r) : default;
        _means = layer.Means is { } m ? ImageView.Of(m) : default;
        _span = (w.KernelHeight - 1) * _g.DilationHeight + 1;
        _columns = Math.Max(_g.PadLeft + _x.Width, (Math.Max(_y.Width, DepthwiseLine.Together) - 1) * _g.StrideWidth
            + (w.KernelWidth - 1) * _g.DilationWidth + 1);
        _linesAtOnce = Math.Max(
            _g.StrideHeight, Math.Min(StripLines, NearBytes / (LinePitch * sizeof(float)) - _span + 1));
        _source = layer.Expansion is { } expansion
            ? new ExpandedStrip<TLanes>(_x, expansion.Group(0), layer.ExpansionActivation,
                Math.Max(_span, _linesAtOnce + _g.StrideHeight))
            : new CopiedStrip<TLanes>(_x);
        _function = layer.Epilogue.Activation;
        var limits = OutputLimits.Of(_function);
        _isDirect = _residual.Start == null && _means.Start == null && _y.Width >= DepthwiseLine.Together
            && (limits.Applies || _function.Kind == ActivationKind.None);
        _fetchesOutputs = _y.Bytes > TilePrefetch.FarBytes;
        _activation = _isDirect ? null : ActivationFunctions.Of<TLanes>(_function.Kind);
        _taps = (_g.StrideWidth, _g.DilationWidth, w.KernelWidth) switch
        {
            (1, 1, 3) => &DepthwiseLine.Three<TLanes>,
            (1, 1, 5) => &DepthwiseLine.Five<TLanes>,
            _ => &DepthwiseLine.Any<TLanes>,
        };
        _line = new DepthwiseLine
        {
            TapLine = LinePitch * _g.DilationHeight, TapStep = Strip<TLanes>.Pixel * _g.DilationWidth,
            Step = Strip<TLanes>.Pixel * _g.StrideWidth, Height = w.KernelHeight, Width = w.KernelWidth,
            Count = _y.Width,
            Low = _isDirect && limits.Applies ? limits.Low : float.NegativeInfinity,
            High = _isDirect && limits.Applies ? limits.High : float.PositiveInfinity,
        };
    }

    public override double EstimatedBlockMicroseconds => _plan.Microseconds;

    public override long ScratchBytes => OwnBytes + _source.ScratchBytes;

    private int LinePitch => _columns * Strip<TLanes>.Pixel;

    private int StripLines => (_plan.MaxRows - 1) * _g.StrideHeight + _span;

    private int ResultPitch => Math.Max(_y.Width, DepthwiseLine.Together) * TLanes.Count;

    // The strip, the sums of a panel and a line of results; the source's memory follows.
    private long OwnBytes =>
        sizeof(float) * ((long)StripLines * LinePitch + Strip<TLanes>.Pixel + ResultPitch) + 63 & ~63L;

    public override void RunBlock(int block, BlockContext context)
    {
        var part = _plan.Part(block);
        ClearBorders((float*)context.Scratch);
        for (var panel = part.FirstPanel; panel < part.LastPanel; panel++)
        {
            if (!Panel(part, panel, context))
            {
                return;
            }
        }
    }

    private void ClearBorders(float* strip)
    {
        int before = _g.PadLeft * Strip<TLanes>.Pixel, after = (_g.PadLeft + _x.Width) * Strip<TLanes>.Pixel;
        for (var line = 0; line < StripLines; line++, strip += LinePitch)
        {
            new Span<float>(strip, before).Clear();
            new Span<float>(strip + after, LinePitch - after).Clear();
        }
    }

    private bool Panel(in DepthwisePart part, int panel, BlockContext context)
    {
        var sums = (float*)context.Scratch + (nint)StripLines * LinePitch;
        new Span<float>(sums, Strip<TLanes>.Pixel).Clear();
        int made = 0, lines = (part.LastRow - 1 - part.FirstRow) * _g.StrideHeight + _span;
        for (var row = part.FirstRow; row < part.LastRow;)
        {
            var needed = (row - part.FirstRow) * _g.StrideHeight + _span;
            // Whole steps, so that as many lines of outputs follow.
            var wanted = Math.Min(lines, Math.Max(needed, made + _linesAtOnce / _g.StrideHeight * _g.StrideHeight));
            if (!Make(part, panel, made, wanted, context))
            {
                return false;
            }

            made = wanted;
            var last = Math.Min(part.LastRow, part.FirstRow + (made - _span) / _g.StrideHeight + 1);
            if (!Write(part, panel, row, last, sums, context))
            {
                return false;
            }

            row = last;
        }

        if (_means.Start != null)
        {
            StoreMeans(part, panel, sums);
        }

        return true;
    }

    /// <summary>Makes lines first to last - 1 of the strip: zeros where they lie outside the image.</summary>
    private bool Make(in DepthwisePart part, int panel, int first, int last, BlockContext context)
    {
        var top = part.FirstRow * _g.StrideHeight - _g.PadTop;
        var inner = (float*)context.Scratch + _g.PadLeft * Strip<TLanes>.Pixel;
        int begin = Math.Clamp(-top, first, last), end = Math.Clamp(_x.Height - top, begin, last);
        for (var line = first; line < last; line++)
        {
            if (line < begin || line >= end)
            {
                new Span<float>(inner + (nint)line * LinePitch, _x.Width * Strip<TLanes>.Pixel).Clear();
            }
        }

        var lines = new StripLines
        {
            Image = part.Image, Row = top + begin, Count = end - begin, Panel = panel,
            Target = inner + (nint)begin * LinePitch, Pitch = LinePitch,
        };
        return _source.Make(lines, context.Scratch + OwnBytes, context);
    }

    private bool Write(in DepthwisePart part, int panel, int first, int last, float* sums, BlockContext context)
    {
        var results = sums + Strip<TLanes>.Pixel;
        var line = _line;
        var channel = panel * Strip<TLanes>.Pixel;
        for (var inPanel = 0; inPanel < Strip<TLanes>.Pixel && channel < _y.Channels;
            inPanel += TLanes.Count, channel += TLanes.Count)
        {
            var isDirect = _isDirect && channel + TLanes.Count <= _y.Channels;
            line.Weights = _weights + (nint)channel * (line.Height * line.Width + 1);
            line.TargetPitch = isDirect ? (nint)_y.PixelPitch : TLanes.Count;
            line.Source = (float*)context.Scratch + inPanel
                + (nint)(first - part.FirstRow) * _g.StrideHeight * LinePitch;
            var target = _y.At(part.Image, first, 0) + channel;
            for (var row = first; row < last; row++)
            {
                line.Target = isDirect ? target : results;
                if (_fetchesOutputs && row + 1 < last)
                {
                    TilePrefetch.Rows(target + _y.RowPitch, (nint)_y.PixelPitch, _y.Width, 1);
                }

                _taps(line);
                if (!isDirect)
                {
                    Finish(part.Image, row, channel, results, sums + inPanel);
                }

                line.Source += (nint)_g.StrideHeight * LinePitch;
                target += _y.RowPitch;
                if (context.Yield())
                {
                    return false;
                }
            }
        }

        return true;
    }

    /// <summary>What cannot be done while results are in registers.</summary>
    private void Finish(int image, int row, int channel, float* results, float* sums)
    {
        var channels = Math.Min(TLanes.Count, _y.Channels - channel);
        for (var column = 0; _residual.Start != null && column < _y.Width; column++)
        {
            var residual = _residual.At(image, row, column) + channel;
            for (var i = 0; i < channels; i++)
            {
                results[column * TLanes.Count + i] += residual[i];
            }
        }

        if (_activation != null)
        {
            _activation(results, (nint)_y.Width * TLanes.Count, _function.Alpha, _function.Beta);
        }

        var sum = TLanes.Load(sums);
        var target = _y.At(image, row, 0) + channel;
        for (var column = 0; column < _y.Width; column++, results += TLanes.Count, target += _y.PixelPitch)
        {
            var result = TLanes.Load(results);
            sum += result;
            if (channels == TLanes.Count)
            {
                TLanes.Store(result, target);
            }
            else
            {
                new ReadOnlySpan<float>(results, channels).CopyTo(new Span<float>(target, channels));
            }
        }

        TLanes.Store(sum, sums);
    }

    private void StoreMeans(in DepthwisePart part, int panel, float* sums)
    {
        var channel = panel * Strip<TLanes>.Pixel;
        var target = _means.At(part.Image, part.Part, 0) + channel;
        var share = 1f / _plan.Pixels;
        for (var i = 0; i < Math.Min(Strip<TLanes>.Pixel, _y.Channels - channel); i++)
        {
            target[i] = sums[i] * share;
        }
    }
}
