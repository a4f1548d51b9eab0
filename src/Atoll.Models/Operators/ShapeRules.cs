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
