using System.Numerics;

namespace Atoll.Models;

/// <summary>Comparisons and truth tables, with broadcasting; results are bool.</summary>
internal static class LogicOperators
{
    public static IEnumerable<OperatorDefinition> All =>
    [
        Compare("Equal", 7, c => c == 0), Compare("Greater", 7, c => c == 1), Compare("Less", 7, c => c == -1),
        Compare("GreaterOrEqual", 12, c => c is 0 or 1), Compare("LessOrEqual", 12, c => c is 0 or -1),
        Compare("And", 7, null), Compare("Or", 7, null), Compare("Xor", 7, null),
        new("Not", call => call.Set(0, ElementType.Bool, call.Shape(0)), Negate) { SinceOpset = 1 },
        new("IsNaN", call => call.Set(0, ElementType.Bool, call.Shape(0)), call =>
            Test(call, double.IsNaN)) { SinceOpset = 9 },
        new("IsInf", call => call.Set(0, ElementType.Bool, call.Shape(0)), call =>
            Test(call, Infinite(call))) { SinceOpset = 10 },
        new("Where", InferWhere, Choose) { InputsMin = 3, InputsMax = 3, SinceOpset = 9 },
        .. CastOperator.All,
    ];

    private static OperatorDefinition Compare(string name, int since, Func<int, bool>? holds) =>
        new(name, InferComparison, call => [Compare(call, holds ?? Truth(name))]) { InputsMin = 2, InputsMax = 2,
            SinceOpset = since };

    /// <summary>Truth tables are comparisons of the sum of both bits, moved to where comparisons never are.</summary>
    private static Func<int, bool> Truth(string name) => name switch
    {
        "And" => c => c == 12,
        "Or" => c => c is 11 or 12,
        _ => c => c == 11,
    };

    private static void InferComparison(OperatorCall call)
    {
        ShapeRules.RequireSameType(call);
        call.Set(0, ElementType.Bool, ShapeRules.Broadcast(call, call.Shape(0), call.Shape(1)));
    }

    private static void InferWhere(OperatorCall call)
    {
        ShapeRules.RequireSameType(call, 1);
        if (call.Type(0) is not (ElementType.Bool or ElementType.Undefined))
        {
            throw call.Fail(ModelError.UnsupportedType, $"its condition is {call.Type(0)}, not Bool");
        }
        var values = ShapeRules.Broadcast(call, call.Shape(1), call.Shape(2));
        call.Set(0, call.Type(1), ShapeRules.Broadcast(call, call.Shape(0), values));
    }

    private static Tensor Compare(OperatorCall call, Func<int, bool> holds)
    {
        var isLogic = call.Node.Operator is "And" or "Or" or "Xor";
        if (isLogic && call.Type(0) != ElementType.Bool)
        {
            throw call.Fail(ModelError.UnsupportedType, "it takes bool tensors");
        }
        var type = call.Type(0) == ElementType.Bool ? ElementType.UInt8 : call.Type(0);
        return NumericDispatch.Run(call, type, new Comparison(call, holds, isLogic));
    }

    private static Tensor[] Negate(OperatorCall call) =>
        [new Tensor(ElementType.Bool, call.Input(0).Shape,
            Array.ConvertAll(call.Input(0).Data, b => b == 0 ? (byte)1 : (byte)0))];

    private static Tensor[] Test(OperatorCall call, Func<double, bool> test)
    {
        var wide = CastOperator.Convert(call, call.Input(0), ElementType.Float64).AsSpan<double>().ToArray();
        return [new Tensor(ElementType.Bool, call.OutputShape(),
            Array.ConvertAll(wide, v => test(v) ? (byte)1 : (byte)0))];
    }

    private static Func<double, bool> Infinite(OperatorCall call)
    {
        var negative = call.Attributes.Int("detect_negative", 1) != 0;
        var positive = call.Attributes.Int("detect_positive", 1) != 0;
        return v => (positive && double.IsPositiveInfinity(v)) || (negative && double.IsNegativeInfinity(v));
    }

    private static Tensor[] Choose(OperatorCall call)
    {
        var shape = call.OutputShape();
        var condition = call.Input(0);
        var whenTrue = StridedWalk.Copy(call.Input(1), shape, StridedWalk.Broadcast(call.Input(1).Shape, shape));
        var whenFalse = StridedWalk.Copy(call.Input(2), shape, StridedWalk.Broadcast(call.Input(2).Shape, shape));
        var size = whenTrue.Type.SizeInBytes();
        var data = (byte[])whenFalse.Data.Clone();
        var walk = new StridedWalk(shape, StridedWalk.Broadcast(condition.Shape, shape));
        for (var at = 0; at < data.Length; at += size, walk.Next())
        {
            if (condition.Data[walk.Offsets[0]] != 0)
            {
                whenTrue.Data.AsSpan(at, size).CopyTo(data.AsSpan(at));
            }
        }
        return [new Tensor(whenTrue.Type, shape, data)];
    }

    private readonly record struct Comparison(OperatorCall Call, Func<int, bool> Holds, bool IsLogic) : INumericAction
    {
        public Tensor Run<T>() where T : unmanaged, INumber<T>
        {
            var shape = Call.OutputShape();
            var a = Call.Input(0).AsSpan<T>();
            var b = Call.Input(1).AsSpan<T>();
            var data = new byte[shape.Aggregate(1L, (count, dim) => count * dim)];
            var walk = new StridedWalk(shape, StridedWalk.Broadcast(Call.Shape(0)!, shape),
                StridedWalk.Broadcast(Call.Shape(1)!, shape));
            for (var i = 0; i < data.Length; i++, walk.Next())
            {
                var (x, y) = (a[(int)walk.Offsets[0]], b[(int)walk.Offsets[1]]);
                data[i] = Holds(IsLogic ? Bits(x, y) : Order(x, y)) ? (byte)1 : (byte)0;
            }
            return new Tensor(ElementType.Bool, shape, data);
        }

        /// <summary>-1, 0 or 1; 2 when either is not a number, so that no comparison holds.</summary>
        private static int Order<T>(T x, T y) where T : INumber<T> => x < y ? -1 : x > y ? 1 : x == y ? 0 : 2;

        private static int Bits<T>(T x, T y) where T : INumber<T> => 10 + (T.IsZero(x) ? 0 : 1) + (T.IsZero(y) ? 0 : 1);
    }
}
