namespace Atoll.Models.Tests;

public sealed class ArenaPlannerTests
{
    [Fact]
    public void Random_lifetimes_get_a_plan_that_the_checker_accepts()
    {
        for (var seed = 0; seed < 200; seed++)
        {
            var steps = RandomSteps(new Random(seed));
            var plan = ArenaPlanner.Plan(steps);
            Assert.True(ArenaPlanChecker.FindFault(steps, plan) is null,
                $"seed {seed}: {ArenaPlanChecker.FindFault(steps, plan)}");
            Assert.All(plan.Offsets.Values, offset => Assert.Equal(0, offset % ArenaPlan.AlignmentBytes));
            Assert.True(plan.Bytes <= plan.UnsharedBytes, $"seed {seed}");
        }
    }

    [Fact]
    public void A_chain_needs_two_buffers_however_long_it_is()
    {
        var storages = Enumerable.Range(0, 50).Select(i => new Storage(i, StorageKind.Arena, 1000)).ToArray();
        var steps = Enumerable.Range(0, 49).Select(i => Step([storages[i]], [storages[i + 1]])).ToArray();
        Assert.Equal(2 * 1024, ArenaPlanner.Plan([Step([], [storages[0]]), .. steps]).Bytes);
    }

    [Fact]
    public void Index_finds_the_lifetimes_that_meet_one_each_once()
    {
        for (var seed = 0; seed < 50; seed++)
        {
            var random = new Random(seed);
            var lives = Enumerable.Range(0, 60).Select(i =>
            {
                var first = random.Next(40);
                return new StorageLifetime(new Storage(i, StorageKind.Arena, 64), first, random.Next(first, 40));
            }).ToArray();
            var index = new LifetimeIndex(lives);
            foreach (var (i, life) in lives.Index())
            {
                var expected = lives.Take(i).Where(l => l.Meets(life)).Select(l => l.Storage.Id).Order();
                Assert.Equal(expected, index.Meeting(life).Select(m => m.Life.Storage.Id).Order());
                index.Add(life, i);
            }
        }
    }

    [Fact]
    public void Fifty_thousand_steps_in_a_row_are_planned_in_three_buffers()
    {
        var steps = new List<LoweredStep>();
        var last = new Storage(0, StorageKind.Arena, 100);
        for (var i = 1; i <= 50_000; i++)
        {
            var next = new Storage(i, StorageKind.Arena, 100);
            steps.Add(Step([last], [next]));
            last = next;
        }

        Assert.InRange(ArenaPlanner.Plan(steps).Bytes, 256, 384);
    }

    [Fact]
    public void The_smallest_gap_that_fits_is_taken()
    {
        // Two large storages with gaps between them of 256 and 128 bytes; the small one fits both and belongs into the
        // latter.
        Storage[] s = [.. new long[] { 512, 256, 448, 128, 384, 64 }.Select((bytes, i) =>
            new Storage(i, StorageKind.Arena, bytes))];
        StorageLifetime[] lives =
        [
            new(s[0], 0, 9), new(s[1], 0, 1), new(s[2], 0, 9), new(s[3], 0, 1), new(s[4], 0, 9), new(s[5], 4, 5),
        ];
        var plan = ArenaPlanner.Plan(lives);
        Assert.Equal(512 + 256 + 448 + 128 + 384, plan.Bytes);
        Assert.Contains(plan.Offsets[s[5]], new[] { plan.Offsets[s[1]], plan.Offsets[s[3]] });
    }

    [Fact]
    public void The_checker_sees_an_output_on_top_of_an_input()
    {
        var (a, b) = (new Storage(0, StorageKind.Arena, 64), new Storage(1, StorageKind.Arena, 64));
        LoweredStep[] steps = [Step([], [a]), Step([a], [b])];
        var plan = new ArenaPlan(new Dictionary<Storage, long> { [a] = 0, [b] = 0 }, 64);
        Assert.Contains("overwrites its input", ArenaPlanChecker.FindFault(steps, plan));
    }

    [Fact]
    public void The_checker_sees_a_buffer_that_was_reused_too_early()
    {
        Storage[] s = [.. Enumerable.Range(0, 3).Select(i => new Storage(i, StorageKind.Arena, 64))];
        LoweredStep[] steps = [Step([], [s[0]]), Step([], [s[1]]), Step([s[0], s[1]], [s[2]])];
        var plan = new ArenaPlan(new Dictionary<Storage, long> { [s[0]] = 0, [s[1]] = 0, [s[2]] = 64 }, 128);
        Assert.Contains("overwritten", ArenaPlanChecker.FindFault(steps, plan));
    }

    private static List<LoweredStep> RandomSteps(Random random)
    {
        List<Storage> made = [];
        List<LoweredStep> steps = [];
        for (var i = 0; i < 40; i++)
        {
            var output = new Storage(i, StorageKind.Arena, random.Next(1, 5000));
            var reads = made.Where(_ => random.Next(4) == 0).TakeLast(3).ToArray();
            steps.Add(Step(reads, [output]));
            made.Add(output);
        }

        return steps;
    }

    private static LoweredStep Step(Storage[] reads, Storage[] writes) => new()
    {
        Name = $"step {writes[0].Id}",
        Reads = [.. reads.Select(View)],
        Writes = [.. writes.Select(View)],
        Emit = _ => [],
    };

    private static TensorView View(Storage storage) => TensorView.RowMajor(storage, ElementType.UInt8, [storage.Bytes]);
}
