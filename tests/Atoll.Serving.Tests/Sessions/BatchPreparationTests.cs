namespace Atoll.Serving.Tests;

public sealed class BatchPreparationTests
{
    private const long Mebibyte = 1 << 20;

    [Fact]
    public void Without_an_objective_batches_end_where_they_would_run_for_a_quarter_of_a_second()
    {
        var (largest, limit) = Prepare(65536, rows => 100 + (40 * Math.Sqrt(rows)), mebibytesPerRow: 0);

        Assert.Equal(8, largest);
        Assert.Contains("12 rows would run for about 320 ms", limit);
        Assert.Contains("250 ms", limit);
    }

    [Theory]
    [InlineData(120, 32)]
    [InlineData(20, 8)]
    [InlineData(10_000, 192)]
    public void No_batch_is_prepared_that_would_outlast_the_objective(double objectiveMs, int expected)
    {
        // Faster for each row by more than the least gain at every doubling, so that nothing else ends it.
        var (largest, limit) = Prepare(65536, rows => 4.4 * Math.Pow(rows, 0.85), 0, objectiveMs);

        Assert.Equal(expected, largest);
        Assert.Contains(objectiveMs > 500 ? "500 ms" : $"{objectiveMs} ms", limit);
    }

    [Fact]
    public void Batches_end_where_rows_run_no_faster_together()
    {
        var (largest, limit) = Prepare(65536, rows => 0.2 + (0.01 * rows), mebibytesPerRow: 0);

        Assert.Equal(384, largest);
        Assert.Contains("384 rows run no faster", limit);
    }

    [Fact]
    public void All_programs_together_take_a_quarter_of_the_memory_at_most()
    {
        var (largest, limit) = Prepare(65536, _ => 0.001, mebibytesPerRow: 1, memoryMebibytes: 1024);

        // 1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48 and 64 rows are 220 MiB; 96 more are beyond 256.
        Assert.Equal(64, largest);
        Assert.Contains("96 rows would take 96 MiB beside 220 MiB", limit);
        Assert.Contains("device.memory", limit);
    }

    [Fact]
    public void Small_batches_are_prepared_whatever_they_take()
    {
        var (largest, limit) = Prepare(8, rows => 1000 * rows, mebibytesPerRow: 900, objectiveMs: 1);

        Assert.Equal(8, largest);
        Assert.Null(limit);
    }

    private static (int Largest, string? Limit) Prepare(
        int most, Func<int, double> milliseconds, long mebibytesPerRow, double objectiveMs = 0,
        long memoryMebibytes = 1 << 16)
    {
        var preparation = new BatchPreparation(
            new ModelConfiguration { ObjectiveMs = objectiveMs }, memoryMebibytes * Mebibyte);
        var largest = 0;
        foreach (var size in BatchSizes.UpTo(most).TakeWhile(preparation.Goes))
        {
            preparation.Ran(size, TimeSpan.FromMilliseconds(milliseconds(size)), size * mebibytesPerRow * Mebibyte);
            largest = size;
        }

        return (largest, preparation.Limit);
    }
}
