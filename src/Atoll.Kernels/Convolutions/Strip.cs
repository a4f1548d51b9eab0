using System.Runtime.CompilerServices;
using Atoll.Devices;

namespace Atoll.Kernels;

/// <summary>Sizes of a strip for one register width.</summary>
internal static class Strip<TLanes> where TLanes : struct, ILanes<TLanes>
{
    /// <summary>Channels of a strip, as many as a full panel of weights has: two registers, or 16.</summary>
    public static int Pixel
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get => TLanes.Count == 1 ? 16 : 2 * TLanes.Count;
    }
}

/// <summary>
/// Lines of one image, some channels wide, that a strip needs, and where they go. All lie inside the image.
/// </summary>
internal unsafe struct StripLines
{
    public int Image, Row, Count, Panel;
    public float* Target;

    /// <summary>Distance in elements between the lines' targets.</summary>
    public nint Pitch;
}

/// <summary>Where the lines of a strip come from.</summary>
internal abstract unsafe class StripSource
{
    /// <summary>Scratch memory that <see cref="Make"/> needs.</summary>
    public abstract long ScratchBytes { get; }

    /// <summary>Makes lines of an image; false when the block must be left.</summary>
    public abstract bool Make(in StripLines lines, byte* scratch, BlockContext context);
}

/// <summary>Lines copied from an image.</summary>
internal sealed unsafe class CopiedStrip<TLanes>(ImageView x) : StripSource
    where TLanes : struct, ILanes<TLanes>
{
    private readonly bool _fetches = x.Bytes > TilePrefetch.FarBytes;

    public override long ScratchBytes => 0;

    public override bool Make(in StripLines lines, byte* scratch, BlockContext context)
    {
        var channel = lines.Panel * Strip<TLanes>.Pixel;
        var channels = Math.Min(Strip<TLanes>.Pixel, x.Channels - channel);
        for (var line = 0; line < lines.Count; line++)
        {
            CopyLine(x.At(lines.Image, lines.Row + line, 0) + channel, lines.Target + line * lines.Pitch, channels);
            if (_fetches)
            {
                // The line after this one, while this one and its filters are worked on.
                TilePrefetch.Rows(x.At(lines.Image, lines.Row + line + 1, 0) + channel, (nint)x.PixelPitch, x.Width,
                    channels);
            }

            if (context.Yield())
            {
                return false;
            }
        }

        return true;
    }

    private void CopyLine(float* source, float* target, int channels)
    {
        var pitch = x.PixelPitch;
        if (TLanes.Count > 1 && channels == 2 * TLanes.Count)
        {
            for (var column = x.Width; column > 0; column--, source += pitch, target += Strip<TLanes>.Pixel)
            {
                TLanes.Store(TLanes.Load(source), target);
                TLanes.Store(TLanes.Load(source + TLanes.Count), target + TLanes.Count);
            }

            return;
        }

        for (var column = x.Width; column > 0; column--, source += pitch, target += Strip<TLanes>.Pixel)
        {
            new ReadOnlySpan<float>(source, channels).CopyTo(new Span<float>(target, channels));
        }
    }
}

/// <summary>
/// Lines made by the pointwise convolution before: its output is never written anywhere else.
/// </summary>
internal sealed unsafe class ExpandedStrip<TLanes> : StripSource
    where TLanes : struct, ILanes<TLanes>
{
    private readonly ImageView _x;
    private readonly PackedPanels _panels;
    private readonly PanelMultiply _multiply;
    private readonly Activation _function;
    private readonly delegate*<float*, nint, float, float, void> _activation;
    private readonly int _maxTiles;

    /// <param name="linesMax">Most lines that are made at once.</param>
    public ExpandedStrip(ImageView x, PackedPanels panels, Activation activation, int linesMax)
    {
        (_x, _panels, _function) = (x, panels, activation);
        var isLimited = activation.Kind is ActivationKind.None or ActivationKind.Relu or ActivationKind.Clip;
        // Other functions run over whole lines at once.
        _activation = isLimited ? null : ActivationFunctions.Of<TLanes>(activation.Kind);
        _multiply = new PanelMultiply(panels, [0], panels.K, new Epilogue(null, isLimited ? activation : default))
        {
            PitchA = (nint)x.PixelPitch, PitchC = Strip<TLanes>.Pixel,
        };
        _maxTiles = linesMax * Math.Max(1, TileList.TilesOf(x.Width, _multiply.MaxRows));
    }

    public override long ScratchBytes =>
        (long)_maxTiles * sizeof(TileRows) + _multiply.PartialFloats(_maxTiles) * sizeof(float);

    public override bool Make(in StripLines lines, byte* scratch, BlockContext context)
    {
        var partial = (float*)scratch;
        var tiles = (TileRows*)(partial + _multiply.PartialFloats(_maxTiles));
        var count = AddTiles(tiles, lines);
        return _multiply.Run(tiles, count, lines.Panel, lines.Panel + 1, partial, context)
            && (_activation == null || Activate(lines, context));
    }

    private int AddTiles(TileRows* tiles, in StripLines lines)
    {
        // The product adds the panel's first column to where its results go.
        var target = lines.Target - (nint)lines.Panel * _panels.FullWidth;
        var count = 0;
        for (var line = 0; line < lines.Count; line++, target += lines.Pitch)
        {
            var a = new TileLine(_x.At(lines.Image, lines.Row + line, 0), _multiply.PitchA);
            if (_x.Width * 2 <= _multiply.MaxRows && line + 1 < lines.Count)
            {
                // Two narrow lines make one tile: its halves have their own addresses.
                tiles[count++] = new TileRows
                {
                    Rows = _x.Width * 2, A0 = a.Start, A1 = a.Start + _x.RowPitch, C0 = target,
                    C1 = target + lines.Pitch,
                };
                line++;
                target += lines.Pitch;
                continue;
            }

            count += TileList.AddLine(
                tiles + count, _multiply.MaxRows, _x.Width, a, new TileLine(target, _multiply.PitchC), default);
        }

        return count;
    }

    private bool Activate(in StripLines lines, BlockContext context)
    {
        var columns = _panels.Columns(lines.Panel);
        var isWhole = columns == Strip<TLanes>.Pixel;
        for (var line = 0; line < lines.Count; line++)
        {
            var target = lines.Target + line * lines.Pitch;
            for (var column = isWhole ? _x.Width : 0; column < _x.Width; column++)
            {
                _activation(target + (nint)column * Strip<TLanes>.Pixel, columns, _function.Alpha, _function.Beta);
            }

            if (isWhole)
            {
                _activation(target, (nint)_x.Width * columns, _function.Alpha, _function.Beta);
            }

            if (context.Yield())
            {
                return false;
            }
        }

        return true;
    }
}
