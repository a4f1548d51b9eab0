namespace Atoll.Models;

/// <summary>TfIdfVectorizer: counts the n-grams of a pool in rows of words or numbers, and weighs the counts.</summary>
internal static class NgramVectorizer
{
    public static IEnumerable<OperatorDefinition> All =>
    [
        new("TfIdfVectorizer", Infer, Vectorize) { SinceOpset = 9, Strings = StringSupport.Own, IsHeavy = true },
    ];

    private static void Infer(OperatorCall call)
    {
        call.RequireRank(0, 1, 2);
        var width = call.Attributes.Ints("ngram_indexes").DefaultIfEmpty(-1).Max() + 1;
        call.Set(0, ElementType.Float32, call.Shape(0) switch
        {
            [_] => [width],
            [var rows, _] => [rows, width],
            _ => null,
        });
    }

    private static Tensor[] Vectorize(OperatorCall call)
    {
        var input = call.Input(0);
        string[] words = input.Type == ElementType.String ? input.Strings()
            : [.. call.IntsOf(0).Select(n => $"{n}")];
        var length = (int)input.Shape[^1];
        var pool = Pool(call);
        var columns = call.Attributes.Ints("ngram_indexes");
        var shape = call.OutputShape();
        var width = (int)shape[^1];
        var result = new float[ShapeRules.Product(shape)!.Value];
        var weigh = Weight(call);
        for (var row = 0; length > 0 && row < words.Length / length; row++)
        {
            foreach (var (gram, count) in Count(call, words.AsSpan(row * length, length), pool))
            {
                result[row * width + columns[gram]] += weigh(gram, count);
            }
        }

        return [Tensor.Float(shape, result)];
    }

    private static Func<int, int, float> Weight(OperatorCall call)
    {
        var weights = call.Attributes.Floats("weights");
        float Of(int gram) => weights.Length == 0 ? 1 : weights[gram];
        return call.Attributes.Text("mode") switch
        {
            "TF" => (_, count) => count,
            "IDF" => (gram, _) => Of(gram),
            "TFIDF" => (gram, count) => Of(gram) * count,
            var mode => throw call.Fail(ModelError.InvalidAttribute, $"mode '{mode}' is not known"),
        };
    }

    /// <summary>The pool's n-grams by their words, numbered in the pool's order.</summary>
    private static Dictionary<string, int> Pool(OperatorCall call)
    {
        string[] words = call.Attributes.Has("pool_strings") ? call.Attributes.Texts("pool_strings")
            : [.. call.Attributes.Ints("pool_int64s").Select(n => $"{n}")];
        var starts = call.Attributes.Ints("ngram_counts");
        var pool = new Dictionary<string, int>(StringComparer.Ordinal);
        var number = 0;
        for (var n = 1; n <= starts.Length; n++)
        {
            var end = n < starts.Length ? starts[n] : words.Length;
            for (var at = starts[n - 1]; at < end; at += n)
            {
                pool[Key(words.AsSpan((int)at, n), 1)] = number++;
            }
        }

        return pool;
    }

    /// <summary>How often each n-gram of the pool is there, its words next to each other or skipping as many.</summary>
    private static Dictionary<int, int> Count(OperatorCall call, ReadOnlySpan<string> words,
        Dictionary<string, int> pool)
    {
        var counts = new Dictionary<int, int>();
        var longest = Math.Min(call.Attributes.Int("max_gram_length"), words.Length);
        for (var n = Math.Max(1, call.Attributes.Int("min_gram_length")); n <= longest; n++)
        {
            var skips = n == 1 ? 0 : Math.Min(call.Attributes.Int("max_skip_count"), words.Length);
            for (var step = 1; step <= skips + 1; step++)
            {
                var extent = (int)(n - 1) * step + 1;
                for (var at = 0; at + extent <= words.Length; at++)
                {
                    if (pool.TryGetValue(Key(words.Slice(at, extent), step), out var gram))
                    {
                        counts[gram] = counts.GetValueOrDefault(gram) + 1;
                    }
                }
            }
        }

        return counts;
    }

    /// <summary>Words with their lengths, so that no two n-grams have the same key.</summary>
    private static string Key(ReadOnlySpan<string> words, int step)
    {
        var key = new System.Text.StringBuilder();
        for (var i = 0; i < words.Length; i += step)
        {
            key.Append(words[i].Length).Append(':').Append(words[i]);
        }

        return key.ToString();
    }
}
