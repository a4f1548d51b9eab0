using Atoll.Devices;

namespace Atoll.Models.Tests;

/// <summary>
/// Mutated model files with loops, branches, strings and sequences: each is refused with a ModelException, or it is
/// compiled and run within its limits. Nothing else may happen.
/// </summary>
public sealed class HybridFuzzTests(CompiledTestDataTests.SharedDevice shared, ITestOutputHelper output)
    : IClassFixture<CompiledTestDataTests.SharedDevice>
{
    private const int Quick = 3000;
    private const int Long = 500_000;
    private const long AllocatedBytesMax = 64 << 20;

    private static readonly ModelLimits Small = new()
    {
        ElementsMax = 1 << 16, ConstantBytesMax = 1 << 20, FoldElementsMax = 1 << 12, FoldElementsTotalMax = 1 << 14,
        LoopIterationsMax = 100, HostBytesMax = 1 << 22,
    };

    [Theory]
    [InlineData(11)]
    [InlineData(20_261_123)]
    public void Mutated_models_are_refused_or_run(int seed)
    {
        output.WriteLine($"seed {seed}");
        var random = new Random(seed);
        byte[][] originals = [ProtoModel.Controlled().ToBytes(), ProtoModel.Mixed().ToBytes()];
        var ran = 0;
        var mutations = LongTests.AreWanted ? Long : Quick;
        for (var i = 0; i < mutations; i++)
        {
            var bytes = OnnxFuzzTests.Mutate(originals[i % 2], random);
            var before = GC.GetAllocatedBytesForCurrentThread();
            try
            {
                Run(ProtoModel.Load(bytes, Small).Graph);
                ran++;
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

        Assert.Equal(0, shared.Device.MemoryInUseBytes);

        output.WriteLine($"{ran} of {mutations} mutations ran");
        Assert.InRange(ran, 1, mutations - 1);
    }

    [Fact]
    public void Original_runs()
    {
        var results = Run(ProtoModel.Controlled().Load(Small).Graph);

        Assert.Equal(LaunchStatus.Completed, results.Status);
        Assert.Equal(2, results.Outputs.Count);
    }

    private HybridOutcome Run(Graph graph)
    {
        using var model = HybridModel.Compile(graph, new CompileOptions { Limits = Small, IslandElementsMin = 0 });
        using var instance = model.Instantiate(shared.Device);
        using var stream = shared.Device.CreateStream(new StreamOptions());
        return instance.RunAsync([.. model.Inputs.Select(Ones)], stream).AsTask().GetAwaiter().GetResult();
    }

    private static ModelValue Ones(TensorSpec spec)
    {
        if (spec.Container is { } container)
        {
            return new ValueSequence(container, []);
        }

        var shape = spec.Shape.Select(d => d < 0 ? 2 : d).ToArray();
        var count = (int)Small.CountElements(shape, spec.Name);
        return spec.Type switch
        {
            ElementType.String => Tensor.OfStrings(shape, [.. Enumerable.Repeat("1", count)]),
            ElementType.Undefined => throw new ModelException(ModelError.UnsupportedType, "an input has no type"),
            _ => new Tensor(spec.Type, shape, new byte[count * spec.Type.SizeInBytes()]),
        };
    }
}
