namespace Atoll.Models;

/// <summary>
/// Geometry of a convolution or pooling over the spatial axes (all after batch and channels): kernel, strides,
/// dilations, and pads with automatic padding resolved. Unknown dimensions are -1, with zero pads.
/// </summary>
public sealed record SpatialWindow
{
    // Positions, and how far apart they lie, are computed in 32 bits by kernels; no real network comes near.
    private const long SpanMax = 1 << 26;

    public required long[] Input { get; init; }

    public required long[] Kernel { get; init; }

    public required long[] Strides { get; init; }

    public required long[] Dilations { get; init; }

    public required long[] PadsBegin { get; init; }

    public required long[] PadsEnd { get; init; }

    public required long[] Output { get; init; }

    public int Rank => Kernel.Length;

    /// <param name="call">A Conv, MaxPool or AveragePool.</param>
    /// <param name="input">Sizes of the input's spatial axes.</param>
    /// <param name="kernel">Sizes of the kernel's spatial axes.</param>
    /// <exception cref="ModelException">An attribute has the wrong length or value, or the kernel does not
    /// fit.</exception>
    public static SpatialWindow Of(OperatorCall call, long[] input, long[] kernel)
    {
        var rank = input.Length;
        var strides = List(call, "strides", rank, 1, least: 1);
        var dilations = List(call, "dilations", rank, 1, least: 1);
        var pads = List(call, "pads", 2 * rank, 0, least: 0);
        if (kernel.Length != rank || kernel.Any(k => k < 1))
        {
            throw call.Fail(ModelError.InvalidAttribute,
                $"a kernel of [{string.Join(',', kernel)}] does not fit {rank} spatial axes");
        }
        var window = new SpatialWindow
        {
            Input = input, Kernel = kernel, Strides = strides, Dilations = dilations,
            PadsBegin = pads[..rank], PadsEnd = pads[rank..], Output = new long[rank],
        };
        for (var axis = 0; axis < rank; axis++)
        {
            window.Place(call, axis);
        }
        return window;
    }

    /// <summary>Input positions that one kernel covers along an axis.</summary>
    public long Extent(int axis) => checked((Kernel[axis] - 1) * Dilations[axis] + 1);

    /// <summary>
    /// Where in the input, of these strides, an element of a window lies; -1 for one in the pads.
    /// </summary>
    public int OffsetOf(long[] own, long output, long tap)
    {
        var offset = 0L;
        for (var axis = Rank - 1; axis >= 0; axis--)
        {
            var at = output % Output[axis] * Strides[axis] + tap % Kernel[axis] * Dilations[axis] - PadsBegin[axis];
            if (at < 0 || at >= Input[axis])
            {
                return -1;
            }
            offset += at * own[axis];
            output /= Output[axis];
            tap /= Kernel[axis];
        }
        return (int)offset;
    }

    /// <summary>
    /// An attribute of one number per axis, all of them <paramref name="missing"/> when it is absent.
    /// </summary>
    public static long[] List(OperatorCall call, string attribute, int count, long missing, long least)
    {
        var values = call.Attributes.Ints(attribute, [.. Enumerable.Repeat(missing, count)]);
        return values.Length == count && values.All(v => v >= least && v <= SpanMax)
            ? (long[])values.Clone()
            : throw call.Fail(ModelError.InvalidAttribute,
            $"{attribute} [{string.Join(',', values)}] are not {count} numbers from {least} to {SpanMax}");
    }

    private void Place(OperatorCall call, int axis)
    {
        var (size, stride, extent) = (Input[axis], Strides[axis], Extent(axis));
        if (extent > SpanMax)
        {
            throw call.Fail(ModelError.InvalidAttribute,
                $"a kernel of {Kernel[axis]} with dilation {Dilations[axis]} covers {extent}, more than {SpanMax}");
        }

        var mode = call.Attributes.Text("auto_pad", "NOTSET");
        if (mode is "SAME_UPPER" or "SAME_LOWER")
        {
            Output[axis] = size < 0 ? -1 : (size + stride - 1) / stride;
            var total = size < 0 ? 0 : Math.Max(0, (Output[axis] - 1) * stride + extent - size);
            (PadsBegin[axis], PadsEnd[axis]) = mode == "SAME_UPPER" ? (total / 2, total - total / 2)
                : (total - total / 2, total / 2);
            return;
        }
        if (mode == "VALID")
        {
            (PadsBegin[axis], PadsEnd[axis]) = (0, 0);
        }
        else if (mode is not ("NOTSET" or ""))
        {
            throw call.Fail(ModelError.InvalidAttribute, $"auto_pad '{mode}' is not known");
        }
        if (size < 0)
        {
            Output[axis] = -1;
            return;
        }
        var room = size + PadsBegin[axis] + PadsEnd[axis] - extent;
        if (room < 0)
        {
            throw call.Fail(ModelError.InvalidShape,
                $"a kernel that covers {extent} does not fit dimension {size} with its pads");
        }
        var ceil = call.Attributes.Int("ceil_mode") != 0;
        Output[axis] = (ceil ? (room + stride - 1) / stride : room / stride) + 1;
        if (ceil && (Output[axis] - 1) * stride >= size + PadsBegin[axis])
        {
            // A last window that would start in the end pad is left out.
            Output[axis]--;
        }
    }
}
