namespace Atoll.Serving.Tests;

public sealed class BatchProfileTests
{
    [Fact]
    public void Latency_is_linear_between_points_and_the_first_points_below_them()
    {
        var profile = PaperProfiles.Interpolated[2];
        Assert.Equal(60, profile.Latency(1).TotalMilliseconds);
        Assert.Equal(68.75, profile.Latency(5).TotalMilliseconds);
        Assert.Equal(125, profile.Latency(16).TotalMilliseconds);
    }

    [Fact]
    public void With_points_only_a_batch_is_padded_to_the_next_point()
    {
        var profile = PaperProfiles.PointsOnly[2];
        Assert.Equal([4, 8, 16], profile.Batches.ToArray());
        Assert.Equal(8, profile.Fit(5));
        Assert.Equal(95, profile.Latency(5).TotalMilliseconds);
        Assert.Equal(0, profile.Fit(17));
    }

    [Fact]
    public void Deviation_and_margin_are_part_of_the_planned_latency()
    {
        var point = new ProfilePoint(1, TimeSpan.FromMilliseconds(9), TimeSpan.FromMilliseconds(1), 7);
        var profile = new BatchProfile("m", "d", [point], new ProfileOptions { Margin = 1.15 });
        Assert.Equal(11.5, profile.Latency(1).TotalMilliseconds);
        Assert.Equal(7, profile.Memory(1));
    }

    [Fact]
    public void The_best_batch_need_not_be_the_largest()
    {
        var profile = new BatchProfile("m", "d", [Point(1, 10), Point(2, 12), Point(3, 30)]);
        Assert.Equal(3, profile.LargestBatch(TimeSpan.FromMilliseconds(30)));
        Assert.Equal(2, profile.BestThroughputBatch(TimeSpan.FromMilliseconds(30)));
        Assert.Equal(0, profile.LargestBatch(TimeSpan.FromMilliseconds(9)));
        Assert.Equal(0, profile.BestThroughputBatch(TimeSpan.FromMilliseconds(9)));
    }

    [Fact]
    public void A_memory_limit_is_kept_by_both_choices()
    {
        var profile = BatchProfile.Linear("m", "d", 1, 10, 64, new ProfileMemory(100, 10));
        Assert.Equal(5, profile.LargestBatch(TimeSpan.FromSeconds(1), 150));
        Assert.Equal(5, profile.BestThroughputBatch(TimeSpan.FromSeconds(1), 159));
    }

    [Theory]
    [InlineData(0, 1)]
    [InlineData(70000, 1)]
    [InlineData(2, 0)]
    public void Impossible_points_are_refused(int batch, double ms) =>
        Assert.Throws<ArgumentException>(() => new BatchProfile("m", "d", [Point(batch, ms)]));

    [Fact]
    public void Batches_that_do_not_ascend_are_refused() =>
        Assert.Throws<ArgumentException>(() => new BatchProfile("m", "d", [Point(2, 1), Point(2, 2)]));

    [Fact]
    public void A_profile_survives_its_text_form()
    {
        var random = new Random(7);
        var points = Enumerable.Range(1, 20).Select(b => new ProfilePoint(
            b, TimeSpan.FromTicks(random.Next(1, 1 << 20)), TimeSpan.FromTicks(random.Next(1 << 10)), random.Next()))
                .ToList();
        var profile = new BatchProfile("m", "d", points, new ProfileOptions
        {
            Preprocessing = TimeSpan.FromTicks(31), Postprocessing = TimeSpan.FromTicks(7),
        });
        var text = new StringWriter();
        BatchProfileFile.Write(profile, text);
        var read = BatchProfileFile.Parse(text.ToString().Split('\n'), "text");
        Assert.Equal(points, read.Points);
        Assert.Equal(("m", "d"), (read.Model, read.Device));
        Assert.Equal(profile.Options.Preprocessing, read.Preprocessing);
        Assert.Equal(profile.Options.Postprocessing, read.Postprocessing);
    }

    [Theory]
    [InlineData("m\nd\nForward latency\nheader\n1,x,0,0", "line 5")]
    [InlineData("m\nd\nForward latency\nheader\n1,1", "line 5")]
    [InlineData("m\nd\nnothing", "Forward latency")]
    [InlineData("m\nd\nForward latency\nheader", "at least one point")]
    [InlineData("m\nd\nForward latency\nheader\n1,-1,0,0", "line 5")]
    public void A_bad_profile_file_is_refused_with_its_line(string text, string told)
    {
        var error = Assert.Throws<ServingException>(() => BatchProfileFile.Parse(text.Split('\n'), "bad.txt"));
        Assert.Contains("bad.txt", error.Message, StringComparison.Ordinal);
        Assert.Contains(told, error.Message, StringComparison.Ordinal);
    }

    private static ProfilePoint Point(int batch, double ms) =>
        new(batch, TimeSpan.FromMilliseconds(ms), TimeSpan.Zero, 0);
}
