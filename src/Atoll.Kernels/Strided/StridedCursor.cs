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

    /// <summary>Moves past a run.</summary>
    public void Advance(int count)
    {
        _remaining -= count;
        var axis = _plan.Sizes.Length - 1;
        Move(axis, count);
        _index[axis] += count;
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
