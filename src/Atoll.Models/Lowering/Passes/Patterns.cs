using System.Diagnostics.CodeAnalysis;

namespace Atoll.Models;

/// <summary>Questions that passes ask of nodes and constants.</summary>
internal static class Patterns
{
    /// <summary>Domain of the fused operators that only this compiler makes.</summary>
    public const string FusedDomain = "atoll";

    public static bool Is([NotNullWhen(true)] this GraphNode? node, string op) => node is not null &&
        node.Domain.Length == 0 && node.Operator == op;

    public static bool IsFused([NotNullWhen(true)] this GraphNode? node, string op) =>
        node is not null && node.Domain == FusedDomain && node.Operator == op;

    public static GraphValue? In(this GraphNode node, int index) => index < node.Inputs.Count ? node.Inputs[index]
        : null;

    public static GraphValue Out(this GraphNode node) => node.Outputs[0]!;

    /// <summary>
    /// Before opset 7 an attribute says where the second operand is aligned; no pattern is looked for there.
    /// </summary>
    public static bool HasOldAlignment(this GraphNode node) => node.Attributes.Has("axis");

    /// <summary>The single element of a float constant.</summary>
    public static float? Scalar(this GraphValue? value) =>
        value?.Constant is { Type: ElementType.Float32, ElementCount: 1 } tensor ? tensor.AsSpan<float>()[0] : null;

    public static bool IsNear(this float? value, double expected) =>
        value is { } v && Math.Abs(v - expected) <= 1e-4 * Math.Max(1e-3, Math.Abs(expected));

    public static bool IsFloatConstant(this GraphValue? value) => value?.Constant is { Type: ElementType.Float32 };

    /// <summary>
    /// Splits a two-input node into the input that <paramref name="isFirst"/> accepts and the other one.
    /// </summary>
    public static bool TrySplit(this GraphNode node, Func<GraphValue, bool> isFirst, out GraphValue first,
        out GraphValue other)
    {
        (first, other) = (null!, null!);
        if (node.Inputs is not [{ } a, { } b])
        {
            return false;
        }

        var aIsFirst = isFirst(a);
        (first, other) = aIsFirst ? (a, b) : (b, a);
        return aIsFirst || isFirst(b);
    }

    /// <summary>Both shapes fully known and equal.</summary>
    public static bool SameStaticShape(GraphValue a, GraphValue b) =>
        a.IsStatic && b.IsStatic && a.Shape.AsSpan().SequenceEqual(b.Shape);

    /// <summary>
    /// Integers of an input that became constant, or of the attribute of older opsets; null if neither.
    /// </summary>
    public static long[]? IntsOf(this GraphNode node, string attribute, int input)
    {
        if (node.Attributes.Has(attribute))
        {
            return node.Attributes.Ints(attribute);
        }

        return node.In(input)?.Constant is { Type: ElementType.Int64 } tensor ? tensor.AsSpan<long>().ToArray() : null;
    }

    public static GraphNode Copy(this GraphNode node, IEnumerable<GraphValue?> inputs, string? op = null)
    {
        var attributes = new NodeAttributes();
        foreach (var name in node.Attributes.Names)
        {
            attributes.Set(name, node.Attributes.Raw(name)!);
        }

        return new GraphNode
        {
            Name = node.Name,
            Operator = op ?? node.Operator,
            Domain = op is null ? node.Domain : FusedDomain,
            Opset = node.Opset,
            Inputs = [.. inputs],
            Outputs = [.. node.Outputs],
            Attributes = attributes,
            CaptureCount = node.CaptureCount,
        };
    }
}
