using System.Numerics;
using System.Runtime.InteropServices;

namespace Atoll.Models;

/// <summary>A function of two numbers of one type.</summary>
internal interface IBinaryFunction
{
    static abstract T Invoke<T>(T a, T b) where T : unmanaged, INumber<T>;
}

/// <summary>Elementwise arithmetic of two or more tensors, with broadcasting.</summary>
internal static class BinaryOperators
{
    public static IEnumerable<OperatorDefinition> All =>
    [
        Pair<Sum>("Add"), Pair<Difference>("Sub"), Pair<Product>("Mul"), Pair<Quotient>("Div"),
        Many<Sum>("Sum"), Many<Largest>("Max"), Many<Smallest>("Min"),
        new("Mean", InferMany, Mean) { InputsMax = int.MaxValue },
        new("Pow", InferPair, Power) { InputsMin = 2, InputsMax = 2 },
        new("Mod", InferSameTypePair, Modulo) { InputsMin = 2, InputsMax = 2, SinceOpset = 10 },
        new("PRelu", InferPair, ParametricRectifier) { InputsMin = 2, InputsMax = 2 },
    ];

    /// <summary>
    /// The second input's shape as it is broadcast. Before opset 7 it is aligned at the attribute 'axis' instead of at
    /// the end, and a slope of PRelu is aligned with the channels.
    /// </summary>
    public static long[]? SecondShape(OperatorCall call)
    {
        var (a, b) = (call.Shape(0), call.Shape(1));
        if (a is null || b is null || b.Length >= a.Length || call.Opset >= 7)
        {
            return b;
        }
        var isSlope = call.Node.Operator == "PRelu" && b.Length == 1 && b[0] != 1;
        if (!isSlope && !call.Attributes.Has("axis"))
        {
            return b;
        }
        var axis = isSlope ? 1 : call.Axis(call.Attributes.Int("axis"), a.Length);
        var ones = a.Length - axis - b.Length;
        return ones >= 0 ? [.. b, .. Enumerable.Repeat(1L, ones)]
            : throw call.Fail(ModelError.InvalidAttribute, $"axis {axis} is too far");
    }

    public static Tensor Apply<TFunction>(OperatorCall call, Tensor a, Tensor b, long[] bShape)
        where TFunction : IBinaryFunction =>
        NumericDispatch.Run(call, a.Type,
            new Action<TFunction>(a, b, bShape, ShapeRules.Broadcast(call, a.Shape, bShape)!));

    /// <summary>Applies a function of two numbers given as doubles.</summary>
    public static Tensor Map(OperatorCall call, Tensor a, Tensor b, long[] bShape,
        Func<double, double, double> function) =>
        NumericDispatch.Run(call, a.Type,
            new MapAction(a, Widen(call, b), bShape, ShapeRules.Broadcast(call, a.Shape, bShape)!, function));

    private static OperatorDefinition Pair<TFunction>(string name) where TFunction : IBinaryFunction =>
        new(name, InferSameTypePair, call => [Apply<TFunction>(call, call.Input(0), call.Input(1), SecondShape(call)!)])
        {
            InputsMin = 2, InputsMax = 2,
        };

    private static OperatorDefinition Many<TFunction>(string name) where TFunction : IBinaryFunction =>
        new(name, InferMany, call => [Fold<TFunction>(call)]) { InputsMax = int.MaxValue };

    private static void InferPair(OperatorCall call) =>
        call.Set(0, call.Type(0), ShapeRules.Broadcast(call, call.Shape(0), SecondShape(call)));

    private static void InferSameTypePair(OperatorCall call)
    {
        ShapeRules.RequireSameType(call);
        InferPair(call);
    }

    private static void InferMany(OperatorCall call)
    {
        ShapeRules.RequireSameType(call);
        ShapeRules.BroadcastAll(call, call.Type(0));
    }

    private static Tensor Fold<TFunction>(OperatorCall call) where TFunction : IBinaryFunction
    {
        var result = call.Input(0);
        for (var i = 1; i < call.InputCount; i++)
        {
            result = Apply<TFunction>(call, result, call.Input(i), call.Input(i).Shape);
        }
        return result;
    }

    private static Tensor[] Mean(OperatorCall call)
    {
        var count = call.InputCount;
        return [UnaryOperators.Map(call, Fold<Sum>(call), sum => sum / count)];
    }

    private static Tensor[] Power(OperatorCall call) =>
        [Map(call, call.Input(0), call.Input(1), SecondShape(call)!, Math.Pow)];

    private static Tensor[] Modulo(OperatorCall call)
    {
        var (a, b) = (call.Input(0), call.Input(1));
        return [call.Attributes.Int("fmod") != 0 ? Apply<Remainder>(call, a, b, b.Shape)
            : Apply<FloorModulo>(call, a, b, b.Shape)];
    }

    private static Tensor[] ParametricRectifier(OperatorCall call) =>
        [Map(call, call.Input(0), call.Input(1), SecondShape(call)!, (x, slope) => x < 0 ? x * slope : x)];

    private static double[] Widen(OperatorCall call, Tensor tensor)
    {
        var wide = CastOperator.Convert(call, tensor, ElementType.Float64);
        return wide.AsSpan<double>().ToArray();
    }

    private readonly record struct Action<TFunction>(Tensor A, Tensor B, long[] BShape, long[] Shape) : INumericAction
        where TFunction : IBinaryFunction
    {
        public Tensor Run<T>() where T : unmanaged, INumber<T>
        {
            var a = A.AsSpan<T>();
            var b = B.AsSpan<T>();
            var result = new T[Shape.Aggregate(1L, (count, dim) => count * dim)];
            var walk = new StridedWalk(Shape, StridedWalk.Broadcast(A.Shape, Shape),
                StridedWalk.Broadcast(BShape, Shape));
            for (var i = 0; i < result.Length; i++, walk.Next())
            {
                result[i] = TFunction.Invoke(a[(int)walk.Offsets[0]], b[(int)walk.Offsets[1]]);
            }
            return Tensor.Of<T>(A.Type, Shape, result);
        }
    }

    private readonly record struct MapAction(Tensor A, double[] B, long[] BShape, long[] Shape,
        Func<double, double, double> Function)
        : INumericAction
    {
        public Tensor Run<T>() where T : unmanaged, INumber<T>
        {
            var a = A.AsSpan<T>();
            var data = new byte[Shape.Aggregate(1L, (count, dim) => count * dim) * A.Type.SizeInBytes()];
            var result = MemoryMarshal.Cast<byte, T>(data.AsSpan());
            var walk = new StridedWalk(Shape, StridedWalk.Broadcast(A.Shape, Shape),
                StridedWalk.Broadcast(BShape, Shape));
            for (var i = 0; i < result.Length; i++, walk.Next())
            {
                result[i] = T.CreateTruncating(Function(double.CreateTruncating(a[(int)walk.Offsets[0]]),
                    B[walk.Offsets[1]]));
            }
            return new Tensor(A.Type, Shape, data);
        }
    }

    private readonly struct Sum : IBinaryFunction
    {
        public static T Invoke<T>(T a, T b) where T : unmanaged, INumber<T> => a + b;
    }

    private readonly struct Difference : IBinaryFunction
    {
        public static T Invoke<T>(T a, T b) where T : unmanaged, INumber<T> => a - b;
    }

    private readonly struct Product : IBinaryFunction
    {
        public static T Invoke<T>(T a, T b) where T : unmanaged, INumber<T> => a * b;
    }

    private readonly struct Quotient : IBinaryFunction
    {
        public static T Invoke<T>(T a, T b) where T : unmanaged, INumber<T> => a / b;
    }

    private readonly struct Largest : IBinaryFunction
    {
        public static T Invoke<T>(T a, T b) where T : unmanaged, INumber<T> => T.Max(a, b);
    }

    private readonly struct Smallest : IBinaryFunction
    {
        public static T Invoke<T>(T a, T b) where T : unmanaged, INumber<T> => T.Min(a, b);
    }

    private readonly struct Remainder : IBinaryFunction
    {
        public static T Invoke<T>(T a, T b) where T : unmanaged, INumber<T> => a % b;
    }

    private readonly struct FloorModulo : IBinaryFunction
    {
        public static T Invoke<T>(T a, T b) where T : unmanaged, INumber<T>
        {
            var remainder = a % b;
            return remainder != T.Zero && (remainder < T.Zero) != (b < T.Zero) ? remainder + b : remainder;
        }
    }
}
