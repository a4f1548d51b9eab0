namespace Atoll.Models;

/// <summary>What an operator does with string tensors.</summary>
public enum StringSupport
{
    /// <summary>Refuses them.</summary>
    None,

    /// <summary>Its reference computes on them.</summary>
    Own,

    /// <summary>It only moves or compares elements, so its reference runs on their ranks in place of them.</summary>
    AsIndices,
}

/// <summary>
/// Runs a reference that only moves, selects or compares elements on strings: each string becomes its rank among all
/// of the call's, in the order of their characters' numbers, and the results' ranks become strings again. Rank 0 is
/// the empty string, which fills what has no source.
/// </summary>
internal static class StringIndices
{
    public static bool Concern(OperatorCall call) => Enumerable.Range(0, call.InputCount)
        .Any(i => call.Container(i) is null && call.Type(i) == ElementType.String);

    public static ModelValue[] Run(OperatorDefinition definition, OperatorCall call)
    {
        string[] pool = [.. Strings(call).Append("").Distinct().Order(StringComparer.Ordinal)];
        var ranks = pool.Index().ToDictionary(p => p.Item, p => (long)p.Index);
        var numbers = OperatorCall.Of(call.Node, Enumerable.Range(0, call.InputCount).Select(i =>
            !call.Has(i) ? null : IsStrings(call, i) ? Encode(call.Input(i), ranks) : call.Value(i)));
        definition.Infer(numbers);
        var results = definition.Evaluate(numbers);
        for (var i = 0; i < call.OutputCount; i++)
        {
            if (call.Output(i).Type == ElementType.String && results[i] is Tensor { Type: ElementType.Int64 } ranked)
            {
                results[i] = Tensor.OfStrings(ranked.Shape,
                    Array.ConvertAll(ranked.AsSpan<long>().ToArray(), rank => pool[rank]));
            }
        }

        return results;
    }

    private static bool IsStrings(OperatorCall call, int input) =>
        call.Container(input) is null && call.Type(input) == ElementType.String;

    private static IEnumerable<string> Strings(OperatorCall call) => Enumerable.Range(0, call.InputCount)
        .Where(i => IsStrings(call, i)).SelectMany(i => call.Input(i).Strings());

    private static Tensor Encode(Tensor tensor, Dictionary<string, long> ranks) =>
        Tensor.Int64(tensor.Shape, Array.ConvertAll(tensor.Strings(), s => ranks[s]));
}
