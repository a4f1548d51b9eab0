namespace Atoll.Models;

/// <summary>
/// Makes 16-bit floats a matter of storage: a node that computes with float16 or bfloat16 gets floats, by casts that
/// meet between two such nodes and vanish. Nodes that only move elements keep their type.
/// </summary>
internal sealed class HalfPrecision : GraphPass
{
    private static readonly HashSet<string> Movement =
    [
        "Cast", "Concat", "Expand", "Flatten", "Gather", "GatherElements", "GatherND", "Identity", "Reshape",
        "ReverseSequence", "Shape", "Size", "Slice", "Split", "Squeeze", "Tile", "Transpose", "Unsqueeze", "Where",
        "DepthToSpace", "SpaceToDepth", "Constant", "ConstantOfShape", "EyeLike",
    ];

    protected override bool TryRewrite(GraphNode node, GraphEditor editor)
    {
        if (node.Domain.Length != 0 || Movement.Contains(node.Operator) || node.Outputs.Exists(o => o?.Shape is null) ||
            !node.Inputs.Concat(node.Outputs).Any(IsHalf))
        {
            return false;
        }

        List<GraphNode> nodes = [];
        var inputs = node.Inputs.Select(v => IsHalf(v) ? Widened(v!, node, nodes, editor) : v).ToArray();
        var outputs = node.Outputs.ToArray();
        var wide = node.Copy(inputs);
        nodes.Add(wide);
        for (var i = 0; i < outputs.Length; i++)
        {
            if (IsHalf(outputs[i]))
            {
                var made = editor.AddValue(outputs[i]!.Name, ElementType.Float32, outputs[i]!.Shape);
                wide.Outputs[i] = made;
                nodes.Add(Cast(node, made, outputs[i]!));
            }
        }

        if (wide.Attributes.Has("dtype"))
        {
            wide.Attributes.Set("dtype", (long)ElementType.Float32);
        }

        editor.Replace([node], [.. nodes]);
        return true;
    }

    private static bool IsHalf(GraphValue? value) => value?.Type is ElementType.Float16 or ElementType.BFloat16;

    private static GraphValue Widened(GraphValue value, GraphNode node, List<GraphNode> nodes, GraphEditor editor)
    {
        if (value.Constant is { } constant)
        {
            return editor.AddConstant(value.Name, CastOperator.Convert(OperatorCall.Of(node), constant,
                ElementType.Float32));
        }

        if (value.Producer is { } producer && producer.Is("Cast") && producer.In(0)!.Type == ElementType.Float32)
        {
            return producer.In(0)!;
        }

        var made = editor.AddValue(value.Name, ElementType.Float32, value.Shape);
        nodes.Add(Cast(node, value, made));
        return made;
    }

    private static GraphNode Cast(GraphNode near, GraphValue from, GraphValue to)
    {
        var cast = new GraphNode
        {
            Name = $"{near.Name}.{to.Type}", Operator = "Cast", Opset = near.Opset, Inputs = [from], Outputs = [to],
        };
        cast.Attributes.Set("to", (long)to.Type);
        return cast;
    }
}
