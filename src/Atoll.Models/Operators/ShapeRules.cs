namespace Atoll.Models;

/// <summary>Shape rules that several operators share; -1 is an unknown dimension.</summary>
internal static class ShapeRules
{
    public static void SameAsFirst(OperatorCall call) => call.Set(0, call.Type(0), call.Shape(0));

    public static long? Product(IEnumerable<long> dims)
    {
        var product = 1L;
        foreach (var dim in dims)
        {
            if (dim < 0)
            {
                return null;
            }
            product = checked(product * dim);
        }
        return product;
    }

    /// <summary>Broadcasts both shapes to one: sizes are aligned at the end and a 1 stretches.</summary>
    public static long[]? Broadcast(OperatorCall call, long[]? a, long[]? b)
    {
        if (a is null || b is null)
        {
            return null;
        }
        var result = new long[Math.Max(a.Length, b.Length)];
        for (var i = 1; i <= result.Length; i++)
        {
            var (x, y) = (i <= a.Length ? a[^i] : 1, i <= b.Length ? b[^i] : 1);
            if (x != y && x > 1 && y != 1 && y >= 0 || x == 0 && y > 1)
            {
                throw call.Fail(ModelError.InvalidShape,
                    $"[{string.Join(',', a)}] and [{string.Join(',', b)}] do not broadcast");
            }
            result[^i] = x == 1 ? y : y == 1 || x == y ? x : Math.Max(x, y);
            result[^i] = x == 0 || y == 0 ? 0 : result[^i];
        }
        return result;
    }

    public static void BroadcastAll(OperatorCall call, ElementType type)
    {
        var shape = call.Shape(0);
        for (var i = 1; i < call.InputCount; i++)
        {
            shape = Broadcast(call, shape, call.Shape(i));
        }
        call.Set(0, type, shape);
    }

    /// <summary>Refuses an input of another shape; -1 on either side is not known yet.</summary>
    public static void RequireShape(OperatorCall call, int input, params ReadOnlySpan<long> expected)
    {
        if (call.Shape(input) is not { } shape)
        {
            return;
        }
        var fits = shape.Length == expected.Length;
        for (var i = 0; fits && i < shape.Length; i++)
        {
            fits = shape[i] < 0 || expected[i] < 0 || shape[i] == expected[i];
        }
        if (!fits)
        {
            throw call.Fail(ModelError.InvalidShape, $"input {input} is [{string.Join(',', shape)}], not " +
                $"[{string.Join(',', expected.ToArray())}]");
        }
    }

    /// <summary>Refuses an input that reaches past another one along any axis but the given one.</summary>
    public static void RequireInside(OperatorCall call, int input, int outer, int exceptAxis)
    {
        if (call.Shape(input) is not { } shape || call.Shape(outer) is not { } bounds)
        {
            return;
        }
        var fits = shape.Length == bounds.Length;
        for (var i = 0; fits && i < shape.Length; i++)
        {
            fits = i == exceptAxis || bounds[i] < 0 || shape[i] <= bounds[i];
        }
        if (!fits)
        {
            throw call.Fail(ModelError.InvalidShape,
                $"input {input} reaches past input {outer} beside axis {exceptAxis}");
        }
    }

    /// <summary>Refuses indices that are no 32- or 64-bit integers.</summary>
    public static void RequireIndices(OperatorCall call, int input)
    {
        if (call.Type(input) is not (ElementType.Int32 or ElementType.Int64 or ElementType.Undefined))
        {
            throw call.Fail(ModelError.UnsupportedType, $"input {input} is {call.Type(input)}, not indices");
        }
    }

    public static void RequireSameType(OperatorCall call, int first = 0)
    {
        for (var i = first + 1; i < call.InputCount; i++)
        {
            if (call.Has(i) && call.Type(i) != call.Type(first) && call.Type(i) != ElementType.Undefined &&
                call.Type(first) != ElementType.Undefined)
            {
                throw call.Fail(ModelError.UnsupportedType,
                    $"input {i} is {call.Type(i)} but input {first} is {call.Type(first)}");
            }
        }
    }
}
