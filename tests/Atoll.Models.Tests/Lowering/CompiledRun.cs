using Atoll.Devices;

namespace Atoll.Models.Tests;

/// <summary>Runs compiled graphs on the calling thread and compares them with the reference interpreter.</summary>
internal static class CompiledRun
{
    /// <summary>
    /// Row-major tensors of the graph's inputs; floats between -1 and 1, integers and booleans 0 or 1.
    /// </summary>
    public static Tensor[] RandomInputs(IEnumerable<TensorSpec> inputs, Random random) =>
    [
        .. inputs.Select(spec =>
        {
            var count = spec.Shape.Aggregate(1L, (a, b) => a * b);
            if (spec.Type == ElementType.Float32)
            {
                return Tensor.Float(spec.Shape,
                    Array.ConvertAll(new float[count], _ => (float)((random.NextDouble() * 2) - 1)));
            }

            var data = new byte[count * spec.Type.SizeInBytes()];
            for (var i = 0; i < count; i++)
            {
                data[i * spec.Type.SizeInBytes()] = (byte)random.Next(2);
            }

            return new Tensor(spec.Type, spec.Shape, data);
        }),
    ];

    public static Tensor[] Run(ModelInstance instance, IReadOnlyList<Tensor> inputs, BlockContext? context = null)
    {
        for (var i = 0; i < inputs.Count; i++)
        {
            inputs[i].Data.CopyTo(instance.Input(i).AsSpan<byte>());
        }

        using var undisturbed = context is null ? BlockContext.CreateUndisturbed() : null;
        foreach (var kernel in instance.Program.Kernels.Cast<CpuKernel>())
        {
            for (var block = 0; block < kernel.Blocks; block++)
            {
                kernel.RunBlock(block, context ?? undisturbed!);
            }
        }

        return [.. instance.Outputs.Select(o => new Tensor(o.Spec.Type, o.Spec.Shape, o.AsSpan<byte>().ToArray()))];
    }

    /// <summary>The same as a launch on the instance's device, by its compute units.</summary>
    public static Tensor[] Launch(ModelInstance instance, IReadOnlyList<Tensor> inputs)
    {
        for (var i = 0; i < inputs.Count; i++)
        {
            inputs[i].Data.CopyTo(instance.Input(i).AsSpan<byte>());
        }

        using var stream = instance.Device.CreateStream(new StreamOptions());
        var launch = new Launch(instance.Program);
        Assert.Equal(SubmitResult.Accepted, stream.Submit(launch));
        Assert.True(launch.Wait(TimeSpan.FromMinutes(1)), "the launch did not end");
        Assert.Equal((LaunchStatus.Completed, null), (launch.Status, launch.Failure));
        return [.. instance.Outputs.Select(o => new Tensor(o.Spec.Type, o.Spec.Shape, o.AsSpan<byte>().ToArray()))];
    }

    /// <summary>Compiles, runs and compares; returns the instance's statistics.</summary>
    public static ModelStatistics Check(Graph graph, int seed, CompileOptions? options = null, float tolerance = 1e-4f)
    {
        using var device = new CpuDevice(new CpuDeviceOptions { Units = 1 });
        using var model = ModelCompiler.Compile(graph, (options ?? CompileOptions.Default) with { CheckPlans = true });
        using var instance = model.Instantiate(device);
        Assert.True(instance.Program.Analysis.AllIdempotent, $"seed {seed}: a kernel overwrites what it reads");
        var inputs = RandomInputs(model.Inputs, new Random(seed));
        var expected = ReferenceInterpreter.Run(graph, inputs);
        // Twice: the second run starts with what the first one left in the arena.
        for (var run = 0; run < 2; run++)
        {
            var actual = Run(instance, inputs);
            for (var i = 0; i < expected.Length; i++)
            {
                AssertNear(expected[i], actual[i], tolerance, $"seed {seed}, run {run}, output {i}");
            }
        }

        return instance.Statistics;
    }

    public static void AssertNear(Tensor expected, Tensor actual, float tolerance, string where)
    {
        Assert.True(expected.Type == actual.Type && expected.Shape.AsSpan().SequenceEqual(actual.Shape),
            $"{where}: {expected.Type}[{string.Join(',', expected.Shape)}] expected, " +
            $"{actual.Type}[{string.Join(',', actual.Shape)}] found");
        if (expected.Type != ElementType.Float32)
        {
            Assert.True(expected.Data.AsSpan().SequenceEqual(actual.Data), $"{where}: values differ");
            return;
        }

        var e = expected.AsSpan<float>();
        var a = actual.AsSpan<float>();
        for (var i = 0; i < e.Length; i++)
        {
            var same = e[i].Equals(a[i]) || MathF.Abs(e[i] - a[i]) <= tolerance + (tolerance * 10 * MathF.Abs(e[i]));
            Assert.True(same, $"{where}, element {i}: {e[i]} expected, {a[i]} found");
        }
    }
}
