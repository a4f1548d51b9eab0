namespace Atoll.Models.Tests;

/// <summary>Small graphs, each about one lowering, against the reference interpreter.</summary>
public sealed class OperatorLoweringTests
{
    public static TheoryData<string> Cases => [.. Graphs.Keys];

    private static readonly Dictionary<string, Func<GraphBuilder, GraphValue[]>> Graphs = new()
    {
        ["broadcast add"] = b => [b.Op("Add", b.Input(2, 1, 4), b.Input(3, 1))],
        ["transpose is a view"] = b =>
            [b.Op("Relu", b.Op("Transpose", [("perm", new[] { 2L, 0L, 1L })], b.Input(2, 3, 4)))],
        ["reshape of a transpose"] = b =>
            [b.Op("Reshape", b.Op("Transpose", [("perm", new[] { 1L, 0L })], b.Input(3, 4)), b.Ints(2, 6))],
        ["slice with negative step"] = b =>
            [b.Op("Neg", b.Op("Slice", b.Input(5, 6), b.Ints(-1, 1), b.Ints(-100, 5), b.Ints(0, 1), b.Ints(-2, 2)))],
        ["split and join again"] = b =>
        {
            var parts = b.Ops("Split", 2, [("axis", 1L)], b.Input(2, 6, 3), b.Ints(2, 4));
            return [RandomGraphs.Concat(b, 1, parts), RandomGraphs.Concat(b, 1, parts[1], parts[0])];
        },
        ["expand"] = b => [b.Op("Abs", b.Op("Expand", b.Input(3, 1), b.Ints(2, 3, 4)))],
        ["the same input concatenated twice"] = b =>
        {
            var x = b.Op("Relu", b.Input(2, 3));
            return [b.Op("Exp", RandomGraphs.Concat(b, 1, x, x))];
        },
        ["a producer that reads its own concatenation"] = b =>
        {
            var x = b.Op("Relu", b.Input(2, 3));
            var y = b.Op("Exp", x);
            return [b.Op("Neg", RandomGraphs.Concat(b, 1, x, y, b.Op("Add", x, y)))];
        },
        ["a concatenation that is an output and read"] = b =>
        {
            var joined = RandomGraphs.Concat(b, 0, b.Op("Relu", b.Input(2, 3)), b.Op("Exp", b.Input(1, 3)));
            return [joined, b.Op("Neg", joined)];
        },
        ["one value as two outputs"] = b =>
        {
            var x = b.Op("Relu", b.Input(4));
            return [x, x, b.Op("Identity", x)];
        },
        ["an input as output"] = b => { var x = b.Input(4); return [b.Op("Identity", x), b.Op("Relu", x)]; },
        ["constant pad"] = b => [b.Op("Pad", b.Input(2, 3, 4), b.Ints(0, 1, 2, 0, 0, 1), b.Scalar(1.5f))],
        ["cropping pad"] = b => [b.Op("Pad", b.Input(2, 5, 4), b.Ints(0, -1, 2, 0, 1, -1), b.Scalar(-1))],
        ["reflecting pad"] = b =>
            [b.Op("Pad", [("mode", "reflect")], b.Input(1, 2, 4, 5), b.Ints(0, 0, 2, 1, 0, 0, 3, 4))],
        ["edge pad"] = b => [b.Op("Pad", [("mode", "edge")], b.Input(1, 2, 4, 5), b.Ints(0, 0, 2, 1, 0, 0, 3, 7))],
        ["gather rows"] = b => [b.Op("Gather", b.Weights(7, 5), b.Input(ElementType.Int64, 2, 3))],
        ["gather columns"] = b => [b.Op("Gather", [("axis", 1L)], b.Input(3, 4, 2), b.Ints(3, -4, 0))],
        ["gather one row"] = b =>
            [b.Op("Relu", b.Op("Gather", [("axis", 1L)], b.Input(3, 4, 2),
                b.Of(new Tensor(ElementType.Int64, [], BitConverter.GetBytes(2L)))))],
        ["tile"] = b => [b.Op("Tile", b.Op("Transpose", b.Input(2, 3)), b.Ints(2, 3))],
        ["reduce"] = b => [b.Op("ReduceMean", [("axes", new[] { 1L, -1L })], b.Input(2, 3, 4)),
            b.Op("ReduceSum", [("keepdims", 0L)], b.Input(2, 3), b.Ints(0))],
        ["arg max"] = b => [b.Op("ArgMax", [("axis", 1L), ("keepdims", 0L)], b.Input(3, 9))],
        ["softmax of a middle axis"] = b => [b.Op("Softmax", [("axis", 1L)], b.Input(2, 5, 3))],
        ["layer norm pattern"] = b => [RandomGraphs.LayerNorm(b, b.Input(2, 3, 16), 16)],
        ["gelu pattern"] = b => [RandomGraphs.Gelu(b, b.Input(2, 33))],
        ["batch norm alone"] = b => [b.Op("Relu", b.Op("BatchNormalization", b.Input(2, 5, 3, 3),
            b.Positive(5), b.Weights(5), b.Weights(5), b.Positive(5)))],
        ["scale and shift by channel"] = b =>
            [b.Op("Add", b.Op("Mul", b.Input(2, 3, 4, 4), b.Weights(3, 1, 1)), b.Weights(1, 3, 1, 1))],
        ["instance norm"] = b => [b.Op("InstanceNormalization", b.Input(2, 3, 4, 5), b.Positive(3), b.Weights(3))],
        ["local response"] = b => [b.Op("LRN", [("size", 3L)], b.Input(1, 7, 3, 3))],
        ["clip by variables"] = b => [b.Op("Clip", b.Input(10), b.Input(), b.Scalar(0.5f))],
        ["where"] = b => [b.Op("Where", b.Op("Greater", b.Input(3, 4), b.Scalar(0)), b.Scalar(-1), b.Input(4))],
        ["cast"] = b => [b.Op("Cast", [("to", 7L)], b.Op("Mul", b.Input(9), b.Scalar(5)))],
        ["depth to space"] = b => [b.Op("DepthToSpace", [("blocksize", 2L)], b.Input(1, 8, 2, 3))],
        ["sum of three"] = b =>
            [b.Op("Sum", b.Input(2, 3), b.Input(3), b.Input(2, 1)), b.Op("Mean", b.Input(3), b.Input(3))],
        ["pow with an integer exponent"] = b => [b.Op("Pow", b.Op("Abs", b.Input(5)), b.Ints(2))],
        ["integers"] = b => [b.Op("Add", b.Input(ElementType.Int64, 4), b.Ints(1, 2, 3, 4))],
        ["all constant"] = b => [b.Op("Add", b.Weights(3), b.Weights(3))],
    };

    [Theory]
    [MemberData(nameof(Cases))]
    public void Compiled_graph_equals_the_reference(string name)
    {
        var b = new GraphBuilder(name.Length);
        CompiledRun.Check(b.Build(Graphs[name](b)), name.Length);
        var plain = new GraphBuilder(name.Length);
        CompiledRun.Check(plain.Build(Graphs[name](plain)), name.Length,
            new CompileOptions { Fuse = false, ConcatenateInPlace = false });
    }
}
