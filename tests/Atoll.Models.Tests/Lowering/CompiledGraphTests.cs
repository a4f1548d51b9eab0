using Atoll.Devices;

namespace Atoll.Models.Tests;

/// <summary>
/// Whole random networks: compiled with and without fusion and in-place concatenation, against the reference.
/// </summary>
public sealed class CompiledGraphTests(ITestOutputHelper output)
{
    private const int Seeds = 6;

    private static readonly Dictionary<string, Func<int, Graph>> Networks = new()
    {
        ["chain"] = RandomGraphs.ConvolutionChain,
        ["residual"] = RandomGraphs.Residual,
        ["dense"] = RandomGraphs.DenseBlocks,
        ["inception"] = RandomGraphs.Inception,
        ["transformer"] = RandomGraphs.Transformer,
    };

    public static TheoryData<string> Names => [.. Networks.Keys];

    internal static Graph Network(string name, int seed) => Networks[name](seed);

    [Theory]
    [MemberData(nameof(Names))]
    public void Compiled_network_equals_the_reference(string name)
    {
        for (var seed = 0; seed < Seeds; seed++)
        {
            var fused = CompiledRun.Check(Networks[name](seed), seed);
            var plain = CompiledRun.Check(Networks[name](seed), seed,
                new CompileOptions { Fuse = false, ConcatenateInPlace = false });
            output.WriteLine($"seed {seed}: {plain.Steps} steps became {fused.Steps}; arena {fused.ArenaBytes} of " +
                $"{fused.UnsharedBytes} bytes, used {fused.ReuseFactor:f1} times over");
            Assert.True(fused.Steps < plain.Steps, $"seed {seed}: nothing was fused");
        }
    }

    /// <summary>Blocks are left at random yield points and run again, while the arena's memory is reused.</summary>
    [Theory]
    [MemberData(nameof(Names))]
    public void Blocks_left_anywhere_and_repeated_change_no_bit(string name)
    {
        var left = 0;
        for (var seed = 0; seed < 3; seed++)
        {
            using var device = new CpuDevice(new CpuDeviceOptions { Units = 1 });
            using var model = ModelCompiler.Compile(Networks[name](seed));
            using var instance = model.Instantiate(device);
            var inputs = CompiledRun.RandomInputs(model.Inputs, new Random(seed));
            var undisturbed = CompiledRun.Run(instance, inputs);
            left += RunStorm(instance, new Random(seed));
            for (var i = 0; i < undisturbed.Length; i++)
            {
                Assert.True(undisturbed[i].Data.AsSpan().SequenceEqual(instance.Output(i).AsSpan<byte>()),
                    $"seed {seed}, output {i}");
            }
        }

        output.WriteLine($"{left} blocks were left");
        Assert.True(left > 50, $"only {left} blocks were left: the storm proves nothing");
    }

    private static int RunStorm(ModelInstance instance, Random random)
    {
        var left = 0;
        using var calm = BlockContext.CreateUndisturbed();
        foreach (var kernel in instance.Program.Kernels.Cast<CpuKernel>())
        {
            int[] order = [.. Enumerable.Range(0, kernel.Blocks).OrderBy(_ => random.Next())];
            foreach (var block in order)
            {
                for (var attempt = random.Next(1, 5); attempt > 0; attempt--)
                {
                    using var leaving =
                        BlockContext.CreateLeaving(random.Next(4), (int)Math.Max(64, kernel.ScratchBytes));
                    kernel.RunBlock(block, leaving);
                    left++;
                }

                kernel.RunBlock(block, calm);
            }
        }

        return left;
    }
}
