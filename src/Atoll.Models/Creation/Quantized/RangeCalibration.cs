using System.Runtime.InteropServices;
using Atoll.Devices;

namespace Atoll.Models;

/// <summary>Smallest and largest element that each float value of a graph takes on seeded inputs.</summary>
internal static class RangeCalibration
{
    private const int Batch = 2;

    /// <summary>By the value's name; open dimensions become a batch of two.</summary>
    public static Dictionary<string, (float Low, float High)> Measure(Graph graph, int seed)
    {
        var copy = GraphSpecializer.Copy(graph);
        copy.Outputs.Clear();
        copy.Outputs.AddRange(copy.Nodes.SelectMany(n => n.Outputs).OfType<GraphValue>()
            .Where(v => v.Type == ElementType.Float32 && !v.IsConstant));
        using var device = new CpuDevice(new CpuDeviceOptions { Units = 1 });
        using var model = ModelCompiler.Compile(copy);
        using var instance = model.Instantiate(device, null,
            [.. model.Inputs.Select(i => i.Shape.Select(d => d < 0 ? Batch : d).ToArray())]);
        var random = new Random(seed);
        foreach (var input in instance.Inputs)
        {
            Fill(input, random);
        }

        using var context = BlockContext.CreateUndisturbed();
        foreach (var kernel in instance.Program.Kernels.Cast<CpuKernel>())
        {
            for (var block = 0; block < kernel.Blocks; block++)
            {
                kernel.RunBlock(block, context);
            }
        }

        return instance.Inputs.Concat(instance.Outputs).Where(t => t.Spec.Type == ElementType.Float32)
            .ToDictionary(t => t.Spec.Name, t => Range(t.AsSpan<float>()));
    }

    // Nearly normal numbers, as images are after normalization.
    private static void Fill(ModelTensor input, Random random)
    {
        foreach (ref var value in MemoryMarshal.Cast<byte, float>(input.AsSpan<byte>()))
        {
            value = (random.NextSingle() + random.NextSingle() + random.NextSingle() - 1.5f) * 2;
        }
    }

    private static (float Low, float High) Range(ReadOnlySpan<float> values)
    {
        var (low, high) = (0f, 0f);
        foreach (var value in values)
        {
            (low, high) = (Math.Min(low, value), Math.Max(high, value));
        }

        return (low, high);
    }
}
