using System.Buffers.Binary;
using Atoll.Devices;
using Atoll.Kernels;

namespace Atoll.Models;

/// <summary>
/// Padding by a constant (fill, then copy the middle) or by the tensor's own elements (axis by axis).
/// </summary>
internal static class PadLowering
{
    public static void Lower(GraphNode node, LoweringContext context)
    {
        var x = context.Input(node, 0);
        var pads = PadsOf(node, x.Rank);
        var mode = node.Attributes.Text("mode", "constant");
        x = Crop(x, pads);
        switch (mode)
        {
            case "constant":
                PadByConstant(node, context, x, pads);
                break;
            case "reflect" or "edge" or "wrap":
                PadByElements(node, context, x, pads, mode);
                break;
            default:
                throw new ModelException(ModelError.UnsupportedOperator,
                    $"{node} (opset {node.Opset}): mode '{mode}' is not supported");
        }
    }

    // Two numbers per axis, (before, after); opset 18 may name only some axes.
    private static (long Before, long After)[] PadsOf(GraphNode node, int rank)
    {
        var pads = node.IntsOf("pads", 1) ?? throw new ModelException(ModelError.UnsupportedOperator,
            $"{node} (opset {node.Opset}): the pads must be known when the model is compiled");
        var axes = node.IntsOf("axes", 3) ?? [.. Enumerable.Range(0, rank).Select(i => (long)i)];
        var result = new (long, long)[rank];
        for (var i = 0; i < axes.Length; i++)
        {
            result[axes[i] < 0 ? axes[i] + rank : axes[i]] = (pads[i], pads[i + axes.Length]);
        }

        return result;
    }

    // Negative pads take elements away, which a view can.
    private static TensorView Crop(TensorView x, (long Before, long After)[] pads)
    {
        for (var axis = 0; axis < x.Rank; axis++)
        {
            var (before, after) = (Math.Max(0, -pads[axis].Before), Math.Max(0, -pads[axis].After));
            if (before + after > 0)
            {
                x = x.Narrow(axis, before, x.Shape[axis] - before - after);
            }

            pads[axis] = (Math.Max(0, pads[axis].Before), Math.Max(0, pads[axis].After));
        }

        return x;
    }

    private static void PadByConstant(GraphNode node, LoweringContext context, TensorView x,
        (long Before, long After)[] pads)
    {
        var value = ValueOf(node, x.Type);
        var y = context.Output(node, ElementwiseLowering.OrderOf([x]), [x]);
        var middle = y;
        for (var axis = 0; axis < x.Rank; axis++)
        {
            middle = middle.Narrow(axis, pads[axis].Before, x.Shape[axis]);
        }

        AddFillAndCopy(node.Name, context, value, (x, y, middle));
    }

    /// <summary>Zeros everywhere in y, then x into its middle.</summary>
    public static void AddZeroPad(string name, LoweringContext context, TensorView x, TensorView y,
        TensorView middle) =>
        AddFillAndCopy(name, context, new byte[x.Type.SizeInBytes()], (x, y, middle));

    private static void AddFillAndCopy(string name, LoweringContext context, byte[] value,
        (TensorView X, TensorView Y, TensorView Middle) views) => context.Add(new LoweredStep
        {
            Name = name,
            Reads = [views.X],
            Writes = [views.Y],
            Emit = binding => Kernels(name, value, binding.Ref(views.Y),
                views.X.ElementCount == 0 ? null : (binding.Ref(views.X), binding.Ref(views.Middle))),
        });

    private static IEnumerable<CpuKernel> Kernels(string name, byte[] value, TensorRef y,
        (TensorRef From, TensorRef To)? copy)
    {
        yield return value.Length switch
        {
            1 => Elementwise.Fill($"{name}.fill", y, value[0]),
            2 => Elementwise.Fill($"{name}.fill", y, BinaryPrimitives.ReadUInt16LittleEndian(value)),
            4 => Elementwise.Fill($"{name}.fill", y, BinaryPrimitives.ReadUInt32LittleEndian(value)),
            _ => Elementwise.Fill($"{name}.fill", y, BinaryPrimitives.ReadUInt64LittleEndian(value)),
        };
        if (copy is { } middle)
        {
            yield return Elementwise.Copy(name, middle.From, middle.To);
        }
    }

    private static byte[] ValueOf(GraphNode node, ElementType type)
    {
        if (node.Attributes.Has("value") || node.In(2) is null)
        {
            return type == ElementType.Float32 ? BitConverter.GetBytes(node.Attributes.Float("value"))
                : new byte[type.SizeInBytes()];
        }

        return node.In(2)!.Constant?.Data ?? throw new ModelException(ModelError.UnsupportedOperator,
            $"{node} (opset {node.Opset}): the padding value must be known when the model is compiled");
    }

    private static void PadByElements(
        GraphNode node, LoweringContext context, TensorView x, (long Before, long After)[] pads, string mode)
    {
        int[] axes = [.. Enumerable.Range(0, x.Rank).Where(i => pads[i] != (0, 0))];
        if (axes.Length == 0)
        {
            context.Bind(node.Out(), x);
            return;
        }

        var order = ElementwiseLowering.OrderOf([x]);
        foreach (var axis in axes)
        {
            var ((before, after), size) = (pads[axis], x.Shape[axis]);
            long[] shape = [.. x.Shape];
            shape[axis] += before + after;
            var y = axis == axes[^1] ? context.Output(node, order, [x]) : context.Temporary(x.Type, shape, order);
            context.AddCopy($"{node.Name}.middle{axis}", x, y.Narrow(axis, before, size));
            AddEdge($"{node.Name}.before{axis}", context, Source(x, axis, before, mode, true),
                y.Narrow(axis, 0, before));
            AddEdge($"{node.Name}.after{axis}", context, Source(x, axis, after, mode, false),
                y.Narrow(axis, before + size, after));
            x = y;
        }
    }

    private static void AddEdge(string name, LoweringContext context, TensorView from, TensorView to)
    {
        if (to.ElementCount > 0)
        {
            context.AddCopy(name, from, to);
        }
    }

    // The elements that stand before or after an axis.
    private static TensorView Source(TensorView x, int axis, long count, string mode, bool isBefore)
    {
        var size = x.Shape[axis];
        var reach = mode == "reflect" ? size - 1 : size;
        if (mode != "edge" && count > reach)
        {
            throw new ModelException(ModelError.InvalidShape,
                $"a pad of {count} by '{mode}' needs more than the axis' {size} elements");
        }

        return (mode, isBefore) switch
        {
            ("reflect", true) => x.Narrow(axis, count, count, -1),
            ("reflect", false) => x.Narrow(axis, Math.Max(0, size - 2), count, -1),
            ("wrap", true) => x.Narrow(axis, size - count, count),
            ("wrap", false) => x.Narrow(axis, 0, count),
            (_, var first) => x.Narrow(axis, first ? 0 : size - 1, count, 0),
        };
    }
}
