using System.Numerics;

namespace Atoll.Models;

/// <summary>Einstein summation: every output element is a sum of products over the labels that it lacks.</summary>
internal static class EinsumOperator
{
    public static IEnumerable<OperatorDefinition> All =>
    [
        new("Einsum", Infer, call => [NumericDispatch.Run(call, call.Type(0), new SumAction(call))])
        {
            InputsMax = int.MaxValue, SinceOpset = 12, IsHeavy = true,
        },
    ];

    private static void Infer(OperatorCall call)
    {
        ShapeRules.RequireSameType(call);
        var shapes = Enumerable.Range(0, call.InputCount).Select(call.Shape).ToArray();
        if (shapes.Any(s => s is null))
        {
            call.Set(0, call.Type(0), null);
            return;
        }
        var equation = EinsumEquation.Parse(call.Attributes.Text("equation"), [.. shapes.Select(s => s!.Length)]);
        var sizes = equation.Sizes(shapes!);
        call.Set(0, call.Type(0), [.. equation.Output.Select(label => sizes[label])]);
    }

    private readonly record struct SumAction(OperatorCall Call) : INumericAction
    {
        public Tensor Run<T>() where T : unmanaged, INumber<T>
        {
            var inputs = Enumerable.Range(0, Call.InputCount).Select(Call.Input).ToArray();
            var equation = EinsumEquation.Parse(Call.Attributes.Text("equation"),
                [.. inputs.Select(i => i.Shape.Length)]);
            var sizes = equation.Sizes([.. inputs.Select(i => i.Shape)]);
            int[] order = [.. equation.Output, .. sizes.Keys.Except(equation.Output)];
            long[] all = [.. order.Select(label => sizes[label])];
            var strides = inputs.Select((input, i) => Strides(input.Shape, equation.Inputs[i], order)).ToArray();
            var result = new T[WideTensor.Count(Call.OutputShape())];
            var terms = WideTensor.Count(all.Skip(equation.Output.Length));
            var walk = new StridedWalk(all, strides);
            for (var i = 0L; i < (long)result.Length * terms; i++, walk.Next())
            {
                var product = T.One;
                for (var k = 0; k < inputs.Length; k++)
                {
                    product *= inputs[k].AsSpan<T>()[(int)walk.Offsets[k]];
                }
                result[i / terms] += product;
            }
            return Tensor.Of<T>(Call.Type(0), Call.OutputShape(), result);
        }

        // A label that occurs twice walks along the diagonal; a dimension of 1 repeats.
        private static long[] Strides(long[] shape, int[] labels, int[] order)
        {
            var own = StridedWalk.RowMajor(shape);
            return [.. order.Select(label => labels.Select((l, axis) => l == label && shape[axis] != 1 ? own[axis] : 0)
                .Sum())];
        }
    }
}

/// <summary>
/// A parsed equation: the labels of each input's axes and of the output's. Axes of an ellipsis have negative labels,
/// the last axis -1.
/// </summary>
internal sealed record EinsumEquation(int[][] Inputs, int[] Output)
{
    /// <exception cref="ModelException">The equation is malformed or does not fit the ranks.</exception>
    public static EinsumEquation Parse(string text, int[] ranks)
    {
        var sides = text.Replace(" ", "", StringComparison.Ordinal).Split("->");
        var terms = sides[0].Split(',');
        if (sides.Length > 2 || terms.Length != ranks.Length)
        {
            throw Bad(text, $"it does not name {ranks.Length} inputs");
        }
        var inputs = terms.Select((term, i) => Labels(text, term, ranks[i])).ToArray();
        var covered = inputs.SelectMany(l => l).Where(l => l < 0).DefaultIfEmpty(0).Min();
        if (sides.Length == 2)
        {
            var fixedLabels = sides[1].Replace("...", "", StringComparison.Ordinal).Length;
            var wide = sides[1].Contains("...", StringComparison.Ordinal) ? fixedLabels - covered : fixedLabels;
            return Checked(text, new EinsumEquation(inputs, Labels(text, sides[1], wide)));
        }
        // Without an arrow the output has the labels that occur once, in alphabetical order.
        var once = inputs.SelectMany(l => l).Where(l => l > 0).GroupBy(l => l).Where(g => g.Count() == 1)
            .Select(g => g.Key).Order();
        return new EinsumEquation(inputs, [.. Enumerable.Range(covered, -covered), .. once]);
    }

    /// <summary>The size of each label.</summary>
    public Dictionary<int, long> Sizes(IReadOnlyList<long[]> shapes)
    {
        var sizes = new Dictionary<int, long>();
        for (var i = 0; i < shapes.Count; i++)
        {
            for (var axis = 0; axis < shapes[i].Length; axis++)
            {
                var (label, size) = (Inputs[i][axis], shapes[i][axis]);
                var known = sizes.GetValueOrDefault(label, 1);
                if (known > 1 && size > 1 && known != size)
                {
                    throw new ModelException(ModelError.InvalidShape, $"a label of size {known} meets {size}");
                }
                sizes[label] = known == 1 ? size : size == 1 ? known : Math.Min(known, size);
            }
        }
        return sizes;
    }

    private static EinsumEquation Checked(string text, EinsumEquation equation) =>
        equation.Output.Distinct().Count() == equation.Output.Length &&
        !equation.Output.Except(equation.Inputs.SelectMany(l => l)).Any()
            ? equation
            : throw Bad(text, "an output label is repeated or is in no input");

    private static int[] Labels(string text, string term, int rank)
    {
        var dots = term.IndexOf("...", StringComparison.Ordinal);
        var letters = term.Replace("...", "", StringComparison.Ordinal);
        var extra = rank - letters.Length;
        if (!letters.All(char.IsAsciiLetter) || extra < 0 || (extra > 0 && dots < 0))
        {
            throw Bad(text, $"'{term}' does not fit a tensor of rank {rank}");
        }
        return dots < 0 ? [.. letters.Select(c => (int)c)]
            : [.. letters[..dots].Select(c => (int)c), .. Enumerable.Range(-extra, extra),
                .. letters[dots..].Select(c => (int)c)];
    }

    private static ModelException Bad(string text, string why) =>
        new(ModelError.InvalidAttribute, $"the equation '{text}' cannot be read: {why}");
}
