using System.Runtime.InteropServices;
using Atoll.Models;

namespace Atoll;

/// <summary>
/// A request that a client sends again and again. The same input must get the same bytes each time, however often the
/// work was preempted; a drawn digit has a right answer too.
/// </summary>
internal sealed class DemoRequest(PreparedInference request, int? digit = null)
{
    private byte[]? _first;

    public PreparedInference Request => request;

    /// <summary>The digit that was drawn; null where the answer has no meaning.</summary>
    public int? Digit => digit;

    /// <summary>The answer is, bit for bit, the first one that this request got.</summary>
    public bool IsSame(RawAnswer answer)
    {
        var first = Interlocked.CompareExchange(ref _first, answer.Tensors.ToArray(), null) ?? _first;
        return answer.Tensors.SequenceEqual(first);
    }

    /// <summary>The highest of the ten probabilities is the drawn digit's.</summary>
    public bool IsRecognised(RawAnswer answer)
    {
        var scores = MemoryMarshal.Cast<byte, float>(answer.Tensors);
        var best = 0;
        for (var i = 1; i < scores.Length; i++)
        {
            best = scores[i] > scores[best] ? i : best;
        }

        return best == digit;
    }

    /// <summary>One request with seeded random input for any model.</summary>
    public static async Task<DemoRequest> RandomAsync(
        InferenceClient client, string model, int priority, CancellationToken cancellation)
    {
        var random = new Random(1);
        var inputs = new List<TensorValue>();
        foreach (var spec in await client.InputsAsync(model, cancellation))
        {
            long[] shape = [.. spec.Shape.Select(dim => long.Max(dim, 1))];
            var data = new byte[shape.Aggregate(1L, (product, dim) => product * dim) * spec.Type.SizeInBytes()];
            RandomInput.Fill(spec.Name, spec.Type, data, random);
            inputs.Add(new TensorValue(spec.Name, spec.Type, shape, data));
        }

        return new DemoRequest(new PreparedInference(model, inputs, new InferenceParameters(priority, null)));
    }

    /// <summary>Drawings of all digits in turn; the seed is none that the model was fitted on.</summary>
    public static IReadOnlyList<DemoRequest> Digits(int count, int priority)
    {
        var random = new Random(20_260_101);
        return [.. Enumerable.Range(0, count).Select(i => i % 10).Select(digit =>
        {
            var pixels = MemoryMarshal.AsBytes(SampleDigits.Draw(digit, random).AsSpan()).ToArray();
            var input = new TensorValue(
                "input", ElementType.Float32, [1, 1, DigitImage.Side, DigitImage.Side], pixels);
            return new DemoRequest(
                new PreparedInference(DemoOptions.Digits, [input], new InferenceParameters(priority, null)), digit);
        })];
    }
}
