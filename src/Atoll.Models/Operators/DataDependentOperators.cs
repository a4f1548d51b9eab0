using System.Numerics;

namespace Atoll.Models;

/// <summary>Operators that keep some elements, so that the result's size depends on values.</summary>
internal static class DataDependentOperators
{
    public static IEnumerable<OperatorDefinition> All =>
    [
        new("NonZero", InferNonZero, call => [NonZero(call)]) { SinceOpset = 9 },
        new("Compress", InferCompress, Compress) { InputsMin = 2, InputsMax = 2, SinceOpset = 9 },
        new("Unique", InferUnique, Unique) { OutputsMax = 4, SinceOpset = 11 },
    ];

    private static void InferNonZero(OperatorCall call)
    {
        long? count = call.Constant(0) is null ? null : NonZero(call).Shape[1];
        call.Set(0, ElementType.Int64, call.Shape(0) is { } shape ? [shape.Length, count ?? -1] : [-1, -1]);
    }

    /// <summary>The positions of the elements that are not zero, one column each, in row-major order.</summary>
    private static Tensor NonZero(OperatorCall call)
    {
        var input = call.Input(0);
        var truth = CastOperator.Convert(call, input, ElementType.Bool).Data;
        var strides = StridedWalk.RowMajor(input.Shape);
        var rank = input.Shape.Length;
        var places = Enumerable.Range(0, truth.Length).Where(i => truth[i] != 0).ToArray();
        var columns = new long[rank * places.Length];
        for (var axis = 0; axis < rank; axis++)
        {
            for (var i = 0; i < places.Length; i++)
            {
                columns[axis * places.Length + i] = places[i] / strides[axis] % input.Shape[axis];
            }
        }

        return Tensor.Int64([rank, places.Length], columns);
    }

    private static int? Axis(OperatorCall call) => call.Attributes.Has("axis") && call.Shape(0) is { } shape
        ? call.Axis(call.Attributes.Int("axis"), shape.Length) : null;

    private static void InferCompress(OperatorCall call)
    {
        call.RequireRank(1, 1, 1);
        var kept = call.Constant(1) is { } condition ? Kept(call, condition).Length : -1L;
        if (!call.Attributes.Has("axis"))
        {
            call.Set(0, call.Type(0), [kept]);
            return;
        }

        var axis = Axis(call);
        call.Set(0, call.Type(0), call.Shape(0) is { } shape ? [.. shape.Select((d, i) => i == axis ? kept : d)]
            : null);
    }

    /// <summary>
    /// Positions that the condition keeps; a condition that is too long says nothing of what is not there.
    /// </summary>
    private static long[] Kept(OperatorCall call, Tensor condition)
    {
        var axis = Axis(call);
        var count = call.Shape(0) is not { } shape ? long.MaxValue
            : axis is { } a ? shape[a] : ShapeRules.Product(shape) ?? long.MaxValue;
        return [.. condition.Data.Index().Where(c => c.Item != 0 && (count < 0 || c.Index < count))
            .Select(c => (long)c.Index)];
    }

    private static Tensor[] Compress(OperatorCall call)
    {
        var input = call.Input(0);
        var rows = Axis(call) is { } axis ? AxisRows.Of(input, axis) : AxisRows.OfElements(input);
        return [rows.Select(Kept(call, call.Input(1)))];
    }

    private static void InferUnique(OperatorCall call)
    {
        var axis = Axis(call);
        call.Set(0, call.Type(0), !call.Attributes.Has("axis") ? [-1]
            : call.Shape(0) is { } shape ? [.. shape.Select((d, i) => i == axis ? -1 : d)] : null);
        for (var i = 1; i < call.OutputCount; i++)
        {
            call.Set(i, ElementType.Int64, [-1]);
        }
    }

    private static Tensor[] Unique(OperatorCall call)
    {
        var input = call.Input(0);
        var rows = Axis(call) is { } axis ? AxisRows.Of(input, axis) : AxisRows.OfElements(input);
        var type = input.Type == ElementType.Bool ? ElementType.UInt8 : input.Type;
        var groups = Group(call, type, rows);
        if (call.Attributes.Int("sorted", 1) == 0)
        {
            groups = [.. groups.OrderBy(g => g[0])];
        }

        var first = groups.Select(g => g[0]).ToArray();
        var inverse = new long[rows.Count];
        foreach (var (number, group) in groups.Index())
        {
            group.ForEach(row => inverse[row] = number);
        }

        return
        [
            rows.Select(first), Tensor.Int64([first.Length], first), Tensor.Int64([inverse.Length], inverse),
            Tensor.Int64([groups.Count], [.. groups.Select(g => (long)g.Count)]),
        ];
    }

    /// <summary>Rows of equal content, each group in order of appearance, the groups in order of content.</summary>
    private static List<List<long>> Group(OperatorCall call, ElementType type, AxisRows rows)
    {
        var grouping = new Grouping(rows);
        NumericDispatch.Run(call, type, grouping);
        return grouping.Groups;
    }

    private sealed class Grouping(AxisRows rows) : INumericAction
    {
        public List<List<long>> Groups { get; } = [];

        public Tensor Run<T>() where T : unmanaged, INumber<T>
        {
            var order = Enumerable.Range(0, (int)rows.Count).Select(i => (long)i).ToArray();
            Array.Sort(order, (a, b) => Compare<T>(a, b) is var c and not 0 ? c : a.CompareTo(b));
            foreach (var row in order)
            {
                if (Groups.Count == 0 || Compare<T>(Groups[^1][0], row) != 0)
                {
                    Groups.Add([]);
                }

                Groups[^1].Add(row);
            }

            return rows.Data;
        }

        private int Compare<T>(long a, long b) where T : unmanaged, INumber<T> =>
            rows.Row<T>(a).SequenceCompareTo(rows.Row<T>(b));
    }
}
