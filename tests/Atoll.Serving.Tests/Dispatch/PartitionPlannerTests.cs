namespace Atoll.Serving.Tests;

public sealed class PartitionPlannerTests
{
    private static (SessionSpec, BatchProfile) Session(
        int index, double alpha, double beta, double objective, double rate, ProfileMemory memory = default) =>
        (new($"s{index}", $"m{index}", TimeSpan.FromMilliseconds(objective), rate),
            BatchProfile.Linear($"m{index}", "gpu", alpha, beta, 128, memory));

    private static IReadOnlyList<DevicePartition> Plan(
        (SessionSpec Session, BatchProfile Profile)[] all, int devices, bool fill, long memory = 0) =>
        new PartitionPlanner(
            [.. all.Select(one => one.Session)], [.. all.Select(one => one.Profile)], devices, memory).Plan(fill);

    [Fact]
    public void Sessions_alike_share_and_few_devices_carry_a_small_load()
    {
        var all = Enumerable.Range(0, 4).Select(i => Session(i, 1, 25, 100, 100)).ToArray();
        var partition = Assert.Single(Plan(all, 8, fill: false));

        Assert.Equal([0, 1, 2, 3], partition.Sessions.Order());
        Assert.InRange(partition.Devices.Count, 2, 3);
        Assert.Equal(8, Assert.Single(Plan(all, 8, fill: true)).Devices.Count);
    }

    [Fact]
    public void A_short_objective_is_kept_from_long_batches_but_may_use_their_devices()
    {
        var partitions = Plan([Session(0, 5, 20, 500, 60), Session(1, 0.3, 2, 20, 1000)], 8, fill: true);

        Assert.Equal([1], partitions[0].Sessions);
        Assert.Equal([0], partitions[1].Sessions);
        Assert.Equal(partitions[1].Devices, partitions[0].Overflow);
        Assert.Empty(partitions[1].Overflow);
        Assert.Equal(8, partitions.Sum(partition => partition.Devices.Count));
    }

    [Fact]
    public void Memory_splits_groups_and_ends_overflow()
    {
        const long gigabyte = 1L << 30;
        var memory = new ProfileMemory(4 * gigabyte, 0);
        var all = Enumerable.Range(0, 6).Select(i => Session(i, 1, 10, 100 + i, 100, memory)).ToArray();
        var partitions = Plan(all, 6, fill: true, 8 * gigabyte);

        Assert.Equal(3, partitions.Count);
        Assert.All(partitions, partition => Assert.True(partition.MemoryBytes <= 8 * gigabyte));
        Assert.All(partitions, partition => Assert.Empty(partition.Overflow));
    }

    [Fact]
    public void A_session_that_cannot_be_in_time_is_in_no_partition() =>
        Assert.Empty(Plan([Session(0, 1, 50, 40, 10)], 4, fill: true));
}
