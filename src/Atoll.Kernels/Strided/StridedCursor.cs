namespace Atoll.Kernels;

/// <summary>A position in a <see cref="StridedPlan"/> that moves run by run along the innermost axis.</summary>
internal unsafe struct StridedCursor
{
    private fixed long _index[TensorRef.MaxRank];
    private fixed long _pointers[StridedPlan.MaxOperands];
    private readonly StridedPlan _plan;
    private long _remaining;

    public StridedCursor(StridedPlan plan, int block)
    {
        _plan = plan;
        var start = block * plan.ElementsPerBlock;
        _remaining = Math.Min(plan.Count - start, plan.ElementsPerBlock);
        for (var operand = 0; operand < plan.Operands; operand++)
        {
            _pointers[operand] = (long)plan.Base(operand);
        }

        for (var axis = plan.Sizes.Length - 1; axis >= 0; axis--)
        {
            _index[axis] = start % plan.Sizes[axis];
            start /= plan.Sizes[axis];
            Move(axis, _index[axis]);
        }
    }

    /// <summary>Pointers of the operands at the current element.</summary>
    public readonly void Pointers(byte** target)
    {
        for (var operand = 0; operand < _plan.Operands; operand++)
        {
            target[operand] = (byte*)_pointers[operand];
        }
    }

    /// <summary>Length of the run that starts here, 0 at the end.</summary>
    public readonly int Run()
    {
        var inner = _plan.Sizes.Length - 1;
        return (int)Math.Min(Math.Min(_remaining, _plan.Sizes[inner] - _index[inner]), _plan.RunMaximum);
    }

    /// <summary>
    /// How many whole runs of this length follow one another along the axis before the innermost, at least one.
    /// </summary>
    public readonly int Rows(int run)
    {
        var inner = _plan.Sizes.Length - 1;
        if (inner == 0 || run != _plan.Sizes[inner])
        {
            return 1;
        }

        var most = Math.Max(1, _plan.RunMaximum / (run + StridedPlan.ElementsOfRunStart));
        return (int)Math.Min(Math.Min(_remaining / run, _plan.Sizes[inner - 1] - _index[inner - 1]), most);
    }

    /// <summary>Moves past a run, or past several whole ones.</summary>
    public void Advance(int run, int rows)
    {
        _remaining -= (long)run * rows;
        var axis = _plan.Sizes.Length - (rows > 1 ? 2 : 1);
        var steps = rows > 1 ? rows : run;
        Move(axis, steps);
        _index[axis] += steps;
        for (; axis > 0 && _index[axis] == _plan.Sizes[axis]; axis--)
        {
            Move(axis, -_index[axis]);
            _index[axis] = 0;
            _index[axis - 1]++;
            Move(axis - 1, 1);
        }
    }

    private void Move(int axis, long steps)
    {
        for (var operand = 0; operand < _plan.Operands; operand++)
        {
            _pointers[operand] += steps * _plan.Strides[operand][axis];
        }
    }
}
