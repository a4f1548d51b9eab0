namespace Atoll.Kernels;

/// <summary>
/// One walk over up to four views of the same shape: axes are ordered by the output's strides and merged where all
/// operands allow it, then the elements are dealt to blocks of equal length.
/// </summary>
internal sealed unsafe class StridedPlan
{
    public const int MaxOperands = 4;

    /// <summary>What starting a run costs, in elements, for the distance of yield points.</summary>
    public const int ElementsOfRunStart = 16;

    private readonly byte*[] _bases;

    /// <param name="operands">Views of one shape; the last one is the output.</param>
    /// <param name="elementNanoseconds">Expected time of one element, for the block length.</param>
    public StridedPlan(double elementNanoseconds, params TensorRef[] operands)
    {
        var output = operands[^1];
        foreach (var operand in operands)
        {
            if (!operand.Shape.AsSpan().SequenceEqual(output.Shape))
            {
                throw new ArgumentException($"operand {operand} has not the shape of output {output}");
            }
        }

        _bases = new byte*[operands.Length];
        for (var i = 0; i < operands.Length; i++)
        {
            _bases[i] = operands[i].Pointer;
        }

        Operands = operands.Length;
        Count = output.Count;
        (Sizes, Strides) = Merge(operands);
        RunMaximum = Math.Max(64, (int)(2000 / elementNanoseconds) & ~63);
        ElementsPerBlock = Math.Max(RunMaximum, ((long)(20_000 / elementNanoseconds) + 63) & ~63L);
        ElementsPerBlock = Math.Max(ElementsPerBlock, Count / 4096);
        Blocks = (int)Math.Max(1, (Count + ElementsPerBlock - 1) / ElementsPerBlock);
        EstimatedMicroseconds = Math.Min(Count, ElementsPerBlock) * elementNanoseconds / 1000;
    }

    /// <summary>
    /// For copies, where no order of the elements is dearer: a short innermost axis gives way to the longest.
    /// </summary>
    public StridedPlan PreferLongRuns()
    {
        var inner = Sizes.Length - 1;
        var longest = Array.IndexOf(Sizes, Sizes.Max());
        if (Sizes[inner] < 16 && longest != inner)
        {
            (Sizes[inner], Sizes[longest]) = (Sizes[longest], Sizes[inner]);
            foreach (var strides in Strides)
            {
                (strides[inner], strides[longest]) = (strides[longest], strides[inner]);
            }
        }

        return this;
    }

    public int Operands { get; }

    public long Count { get; }

    /// <summary>Merged axes, the innermost last; at least one.</summary>
    public long[] Sizes { get; }

    /// <summary>Byte strides, [operand][axis].</summary>
    public long[][] Strides { get; }

    /// <summary>Most elements between two yield points.</summary>
    public int RunMaximum { get; }

    public long ElementsPerBlock { get; }

    public int Blocks { get; }

    public double EstimatedMicroseconds { get; }

    public byte* Base(int operand) => _bases[operand];

    /// <summary>Byte stride of an operand along the innermost axis.</summary>
    public long Inner(int operand) => Strides[operand][^1];

    /// <summary>Byte stride of an operand along the axis before the innermost, 0 where there is none.</summary>
    public long Outer(int operand) => Sizes.Length > 1 ? Strides[operand][^2] : 0;

    private static (long[] Sizes, long[][] Strides) Merge(TensorRef[] operands)
    {
        var output = operands[^1];
        int[] order = [.. Enumerable.Range(0, output.Rank).Where(axis => output.Shape[axis] != 1)
            .OrderByDescending(axis => Math.Abs(output.Strides[axis]))];
        var sizes = new List<long>();
        var strides = operands.Select(_ => new List<long>()).ToArray();
        foreach (var axis in order)
        {
            var merges = sizes.Count > 0 && operands.Select((operand, i) => (operand, i)).All(
                p => strides[p.i][^1] == p.operand.Strides[axis] * p.operand.ElementBytes * output.Shape[axis]);
            for (var i = 0; i < operands.Length; i++)
            {
                var stride = operands[i].Strides[axis] * operands[i].ElementBytes;
                if (merges)
                {
                    strides[i][^1] = stride;
                }
                else
                {
                    strides[i].Add(stride);
                }
            }

            if (merges)
            {
                sizes[^1] *= output.Shape[axis];
            }
            else
            {
                sizes.Add(output.Shape[axis]);
            }
        }

        if (sizes.Count == 0)
        {
            sizes.Add(1);
            Array.ForEach(strides, list => list.Add(0));
        }

        return ([.. sizes], [.. strides.Select(list => list.ToArray())]);
    }
}
