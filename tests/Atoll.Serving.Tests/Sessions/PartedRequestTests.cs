namespace Atoll.Serving.Tests;

/// <summary>Requests of more rows than a batch holds.</summary>
public sealed class PartedRequestTests
{
    [Fact]
    public async Task A_request_of_more_rows_than_the_largest_program_runs_in_parts()
    {
        using var bench = new SessionBench(SessionBench.Options() with { MaxRows = 50 });
        var device = bench.AddDevice();
        var first = bench.InferAsync(1);
        Task<InferenceOutcome>[] rest = [bench.InferAsync(2, rows: 19), bench.InferAsync(3)];

        device.EndOne();
        device.EndOne();
        device.EndOne();
        device.EndOne();
        device.EndOne();

        await first;
        Assert.Equal(Enumerable.Repeat((byte)2, 19), SessionBench.Take(await rest[0]));
        Assert.Equal([3], SessionBench.Take(await rest[1]));
        Assert.Equal<byte[]>([[1], [2], [2], [2], [3]], device.Batches);
        Assert.Equal([new BatchCount(1, 2), new BatchCount(8, 1)], bench.Session.Counts.Batches);
    }

    [Theory]
    [InlineData(8, true)]
    [InlineData(19, false)]
    public async Task Room_for_outputs_is_kept_for_the_next_request_unless_it_is_of_more_than_a_batch(
        int rows, bool isKept)
    {
        using var bench = new SessionBench(SessionBench.Options() with { MaxRows = 50 });
        var device = bench.AddDevice();
        var request = bench.InferAsync(2, rows);
        for (var begun = 0; begun < rows; begun += 8)
        {
            device.EndOne();
        }

        var outputs = (await request).Outputs!;
        Assert.NotEqual(0, outputs.Data(0).Length);
        outputs.Dispose();

        Assert.Equal(isKept, outputs.Data(0).Length > 0);
    }

    [Fact]
    public async Task The_parts_of_a_request_end_with_the_first_that_fails()
    {
        using var bench = new SessionBench(SessionBench.Options() with { MaxRows = 50 });
        var device = bench.AddDevice();
        var request = bench.InferAsync(2, rows: 19);

        device.EndOne();
        device.EndOne(InferenceStatus.Rejected);

        Assert.Equal(InferenceStatus.Rejected, (await request).Status);
        Assert.Equal<byte[]>([[2], [2]], device.Batches);
    }
}
