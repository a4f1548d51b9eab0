namespace Atoll.Models;

/// <summary>How a Scan splits its inputs and where it stacks its outputs.</summary>
/// <param name="Body">The subgraph of one step.</param>
/// <param name="First">Index of the first state among the inputs.</param>
/// <param name="States">Number of values carried from step to step.</param>
/// <param name="Sliced">Number of inputs that are cut into slices.</param>
internal sealed record ScanForm(Graph Body, int First, int States, int Sliced)
{
    public static ScanForm Of(OperatorCall call, int first)
    {
        var body = call.Attributes.Graph("body");
        var sliced = call.Attributes.Int("num_scan_inputs");
        var states = call.InputCount - first - sliced;
        if (sliced < 1 || states < 0)
        {
            throw call.Fail(ModelError.InvalidAttribute, $"num_scan_inputs {sliced} does not fit its inputs");
        }

        Subgraphs.RequireOutputs(call, body, Math.Max(call.OutputCount, (int)states));
        return new ScanForm(body, first, (int)states, (int)sliced);
    }

    /// <summary>Which inputs are cut into slices.</summary>
    public IEnumerable<int> Scans(OperatorCall call) =>
        Enumerable.Range(First + States, call.InputCount - First - States);

    public int InputAxis(OperatorCall call, int scan)
    {
        var axes = call.Attributes.Ints("scan_input_axes");
        var rank = call.Shape(First + States + scan)?.Length;
        return rank is null || axes.Length == 0 ? 0 : call.Axis(axes[scan], rank.Value);
    }

    /// <summary>Number of steps, -1 while unknown; all sliced inputs must agree.</summary>
    public long Length(OperatorCall call)
    {
        var length = -1L;
        foreach (var (scan, input) in Scans(call).Index())
        {
            if (call.Shape(input) is not { } shape)
            {
                continue;
            }

            var axis = InputAxis(call, scan);
            var here = axis < shape.Length ? shape[axis]
                : throw call.Fail(ModelError.InvalidShape, $"input {input} is a scalar and has no slices");
            length = length < 0 || here < 0 || here == length ? Math.Max(length, here)
                : throw call.Fail(ModelError.InvalidShape, $"one input has {length} slices, another {here}");
        }

        return length;
    }

    /// <summary>The shape of a stacked output.</summary>
    public static long[]? Insert(OperatorCall call, int output, long[]? part, long length)
    {
        if (part is null)
        {
            return null;
        }

        List<long> shape = [.. part];
        shape.Insert(OutputAxis(call, output, part.Length + 1), length);
        return [.. shape];
    }

    /// <summary>Puts the axis along which a result was stacked where the node wants it.</summary>
    public static Tensor MoveAxis(OperatorCall call, int output, Tensor stacked)
    {
        var axis = OutputAxis(call, output, stacked.Shape.Length);
        if (axis == 0)
        {
            return stacked;
        }

        List<int> order = [.. Enumerable.Range(1, stacked.Shape.Length - 1)];
        order.Insert(axis, 0);
        var strides = StridedWalk.RowMajor(stacked.Shape);
        return StridedWalk.Copy(stacked, [.. order.Select(d => stacked.Shape[d])], [.. order.Select(d => strides[d])]);
    }

    /// <summary>Runs the steps; gives the last state and the stacked results.</summary>
    public async ValueTask<(ModelValue[] Last, StackedTensors[] Stacks)> RunAsync(OperatorCall call,
        SubgraphRunner runner, ModelValue[] state, (Tensor[] Inputs, int[] Axes) sliced, long length)
    {
        var stacks = Enumerable.Range(0, Math.Max(0, Body.Outputs.Count - States))
            .Select(_ => new StackedTensors()).ToArray();
        for (var step = 0L; step < length; step++)
        {
            call.Budget.CountIteration();
            var at = step;
            var results = await Subgraphs.RunAsync(call, runner, Body,
                [.. state, .. sliced.Inputs.Select((input, i) =>
                    Slice(input, sliced.Axes[i], IsReversed(call, "input", i) ? length - 1 - at : at))]);
            results.AsSpan(0, States).CopyTo(state);
            for (var s = 0; s < stacks.Length; s++)
            {
                stacks[s].Add(call, results[States + s]);
            }
        }

        for (var s = 0; s < stacks.Length; s++)
        {
            if (IsReversed(call, "output", s))
            {
                stacks[s].Reverse();
            }
        }

        return (state, stacks);
    }

    public static Tensor Slice(Tensor tensor, int axis, long at)
    {
        var strides = StridedWalk.RowMajor(tensor.Shape);
        return StridedWalk.Copy(tensor, [.. tensor.Shape.Where((_, d) => d != axis)],
            [.. strides.Where((_, d) => d != axis)], at * strides[axis]);
    }

    /// <summary>Zeros after the last of fewer steps than the longest member of the batch has.</summary>
    public static Tensor Pad(Tensor tensor, long length)
    {
        long[] shape = [length, .. tensor.Shape.Skip(1)];
        var data = new byte[ShapeRules.Product(shape)!.Value * tensor.Type.SizeInBytes()];
        tensor.Data.CopyTo(data, 0);
        return new Tensor(tensor.Type, shape, data);
    }

    private static int OutputAxis(OperatorCall call, int output, int rank)
    {
        var axes = call.Attributes.Ints("scan_output_axes");
        return axes.Length == 0 ? 0 : call.Axis(axes[output], rank);
    }

    // Opset 8 has one list, of the inputs.
    private bool IsReversed(OperatorCall call, string side, int index)
    {
        var list = call.Attributes.Ints(First == 1 && side == "input" ? "directions" : $"scan_{side}_directions");
        return index < list.Length && list[index] != 0;
    }
}
