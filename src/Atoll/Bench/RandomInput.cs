using System.Runtime.InteropServices;
using Atoll.Models;

namespace Atoll;

/// <summary>
/// Seeded inputs for models whose meaning does not matter: normal-like images, small token numbers, full masks.
/// </summary>
internal static class RandomInput
{
    public static void Fill(ModelInstance instance, Random random)
    {
        foreach (var input in instance.Inputs)
        {
            Fill(input.Spec.Name, input.Spec.Type, input.AsSpan<byte>(), random);
        }
    }

    /// <param name="data">Little-endian elements of the input called <paramref name="name"/>.</param>
    public static void Fill(string name, ElementType type, Span<byte> data, Random random)
    {
        switch (type)
        {
            case ElementType.Float32:
                foreach (ref var value in MemoryMarshal.Cast<byte, float>(data))
                {
                    value = (random.NextSingle() + random.NextSingle() + random.NextSingle() - 1.5f) * 2;
                }

                break;
            case ElementType.Int64:
                var isMask = name.Contains("mask", StringComparison.OrdinalIgnoreCase);
                var isType = name.Contains("type", StringComparison.OrdinalIgnoreCase);
                foreach (ref var value in MemoryMarshal.Cast<byte, long>(data))
                {
                    value = isMask ? 1 : random.Next(isType ? 2 : 1000);
                }

                break;
            default:
                data.Clear();
                break;
        }
    }
}
