namespace Atoll.Models.Tests;

/// <summary>
/// Mutated model files: the reader either refuses them with a ModelException or yields a graph that can be simplified.
/// </summary>
public sealed class OnnxFuzzTests(ITestOutputHelper output)
{
    private const int Mutations = 6000;
    private const long AllocatedBytesMax = 64 << 20;

    private static readonly ModelLimits Small = new()
    {
        ElementsMax = 1 << 20, ConstantBytesMax = 1 << 22, FoldElementsMax = 1 << 14, FoldElementsTotalMax = 1 << 16,
    };

    [Theory]
    [InlineData(1)]
    [InlineData(20_261_122)]
    public void Mutated_models_only_ever_raise_a_model_exception(int seed)
    {
        output.WriteLine($"seed {seed}");
        var random = new Random(seed);
        var original = ProtoModel.Mixed().ToBytes();
        var valid = 0;
        for (var i = 0; i < Mutations; i++)
        {
            var bytes = Mutate(original, random);
            var before = GC.GetAllocatedBytesForCurrentThread();
            try
            {
                var graph = ProtoModel.Load(bytes, Small).Graph;
                GraphSimplifier.Run(graph, Small);
                valid++;
            }
            catch (ModelException)
            {
                // The answer that is wanted.
            }
            catch (Exception e)
            {
                Assert.Fail($"seed {seed}, mutation {i}: {e}\n{Convert.ToBase64String(bytes)}");
            }
            var allocated = GC.GetAllocatedBytesForCurrentThread() - before;
            Assert.True(allocated < AllocatedBytesMax, $"seed {seed}, mutation {i}: {allocated} bytes allocated");
        }
        output.WriteLine($"{valid} of {Mutations} mutations are still valid models");
        Assert.InRange(valid, 1, Mutations - 1);
    }

    internal static byte[] Mutate(byte[] original, Random random)
    {
        var bytes = original.ToList();
        for (var edits = random.Next(1, 5); edits > 0; edits--)
        {
            var at = random.Next(bytes.Count);
            switch (random.Next(6))
            {
                case 0:
                    bytes[at] ^= (byte)(1 << random.Next(8));
                    break;
                case 1:
                    bytes[at] = (byte)random.Next(256);
                    break;
                case 2:
                    bytes.RemoveRange(at, Math.Min(random.Next(1, 9), bytes.Count - at - 1));
                    break;
                case 3:
                    bytes.InsertRange(at, bytes.GetRange(at, Math.Min(random.Next(1, 40), bytes.Count - at)));
                    break;
                case 4:
                    // A varint of ten bytes: huge or negative where a small number was.
                    bytes.InsertRange(at, [.. Enumerable.Repeat((byte)0xff, 9), 1]);
                    break;
                default:
                    bytes[at] = random.Next(2) == 0 ? (byte)0xff : (byte)0x7f;
                    break;
            }
        }
        return [.. bytes];
    }
}
