using Atoll.Models;

namespace Atoll;

/// <summary>Seeded inputs for models whose meaning does not matter: normal-like images, small token numbers, full masks.</summary>
internal static class RandomInput
{
    public static void Fill(ModelInstance instance, Random random)
    {
        foreach (var input in instance.Inputs)
        {
            switch (input.Spec.Type)
            {
                case ElementType.Float32:
                    foreach (ref var value in input.AsSpan<float>())
                    {
                        value = (random.NextSingle() + random.NextSingle() + random.NextSingle() - 1.5f) * 2;
                    }

                    break;
                case ElementType.Int64:
                    var isMask = input.Spec.Name.Contains("mask", StringComparison.OrdinalIgnoreCase);
                    foreach (ref var value in input.AsSpan<long>())
                    {
                        value = isMask ? 1 : random.Next(1, 1000);
                    }

                    break;
                default:
                    input.AsSpan<byte>().Clear();
                    break;
            }
        }
    }
}
