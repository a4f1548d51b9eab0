namespace Atoll.Models.Tests;

public sealed class TensorViewTests
{
    private static TensorView View(long[] shape, MemoryOrder order = MemoryOrder.RowMajor) =>
        new(new Storage(0, StorageKind.Arena, 1 << 20), 0, ElementType.Float32, shape,
            MemoryOrders.Strides(shape, order));

    [Fact]
    public void A_reshape_of_a_random_view_keeps_every_element_or_is_refused()
    {
        var kept = 0;
        for (var seed = 0; seed < 500; seed++)
        {
            var random = new Random(seed);
            long[] shape = [.. Enumerable.Range(0, random.Next(1, 5)).Select(_ => (long)random.Next(1, 5))];
            int[] order = [.. Enumerable.Range(0, shape.Length).OrderBy(_ => random.Next())];
            var view = View(shape).Permute(order);
            var target = Regroup(random, view.Shape);
            if (view.TryReshape(target) is { } reshaped)
            {
                kept++;
                Assert.True(Offsets(view).SequenceEqual(Offsets(reshaped)), $"seed {seed}: {view} to {reshaped}");
            }
        }

        Assert.InRange(kept, 100, 500);
    }

    [Fact]
    public void Merging_the_pixels_of_a_channels_last_view_needs_no_copy_and_flattening_it_does()
    {
        var view = View([2, 3, 4, 5], MemoryOrder.ChannelsLast);
        Assert.NotNull(view.TryReshape([2, 3, 20]));
        Assert.Null(view.TryReshape([2, 60]));
        Assert.NotNull(View([2, 60, 1, 1], MemoryOrder.ChannelsLast).TryReshape([2, 60]));
    }

    [Fact]
    public void A_reversed_slice_knows_the_bytes_it_touches()
    {
        var view = View([10]).Narrow(0, 7, 3, -2);
        Assert.Equal((3 * 4, 8 * 4), (view.FirstByte, view.EndByte));
    }

    private static long[] Regroup(Random random, long[] shape)
    {
        List<long> target = [];
        foreach (var size in shape)
        {
            if (target.Count > 0 && random.Next(2) == 0)
            {
                target[^1] *= size;
            }
            else
            {
                target.Add(size);
            }

            if (random.Next(4) == 0)
            {
                target.Add(1);
            }
        }

        return [.. target];
    }

    private static List<long> Offsets(TensorView view)
    {
        List<long> offsets = [view.Offset];
        for (var axis = 0; axis < view.Rank; axis++)
        {
            offsets = [.. offsets.SelectMany(o =>
                Enumerable.Range(0, (int)view.Shape[axis]).Select(i => o + (i * view.Strides[axis])))];
        }

        return offsets;
    }
}
