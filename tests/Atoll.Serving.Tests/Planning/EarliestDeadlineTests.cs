namespace Atoll.Serving.Tests;

/// <summary>The analysis against a simulation that knows nothing of it.</summary>
public sealed class EarliestDeadlineTests
{
    [Fact]
    public void A_long_batch_in_the_way_of_a_short_deadline_is_found()
    {
        BatchJob[] jobs = [new(100, 100, 40), new(50, 30, 5)];
        Assert.False(EarliestDeadline.IsFeasible(jobs, out var violation));
        Assert.Equal(0, violation.Blocker);
        Assert.Equal(30, violation.Span);
        Assert.True(EarliestDeadline.IsFeasible([new(100, 100, 25), new(50, 30, 5)], out _));
    }

    [Fact]
    public void A_device_can_be_full_when_deadlines_are_long() =>
        Assert.True(EarliestDeadline.IsFeasible([new(10, 20, 5), new(20, 40, 10)], out _));

    [Fact]
    public void More_work_than_time_is_refused() =>
        Assert.False(EarliestDeadline.IsFeasible([new(10, 100, 6), new(20, 100, 9)], out _));

    [Fact]
    public void Feasible_sets_are_never_late_and_within_the_worst_response_for_any_phases()
    {
        var feasible = 0;
        for (var seed = 0; seed < 3000; seed++)
        {
            var random = new Random(seed);
            var jobs = RandomJobs(random);
            if (!EarliestDeadline.IsFeasible(jobs, out _))
            {
                continue;
            }

            feasible++;
            for (var run = 0; run < 4; run++)
            {
                var worst = Simulate(jobs, [.. jobs.Select(job => run == 0 ? 0 : random.NextDouble() * job.Period)]);
                for (var i = 0; i < jobs.Length; i++)
                {
                    Assert.True(worst[i] <= jobs[i].Deadline + 1e-6, $"seed {seed}: job {i} is late");
                    var bound = EarliestDeadline.WorstResponse(jobs, i);
                    Assert.True(worst[i] <= bound + 1e-6, $"seed {seed}: job {i} took {worst[i]}, bound {bound}");
                }
            }
        }

        Assert.InRange(feasible, 500, 2900);
    }

    [Fact]
    public void Sets_that_are_refused_can_mostly_be_made_late_so_the_test_is_not_just_cautious()
    {
        var refused = 0;
        var late = 0;
        for (var seed = 0; seed < 1500; seed++)
        {
            var random = new Random(seed);
            var jobs = RandomJobs(random);
            if (jobs.Sum(job => job.Utilization) > 1 || EarliestDeadline.IsFeasible(jobs, out var violation) ||
                double.IsInfinity(violation.Demand))
            {
                continue;
            }

            // The worst case that the analysis names: the blocker starts just before all others are released.
            var phases = jobs.Select((_, i) => i == violation.Blocker ? 0 : 1e-6).ToArray();
            var worst = Simulate(jobs, phases);
            refused++;
            late += jobs.Where((job, i) => worst[i] > job.Deadline).Any() ? 1 : 0;
        }

        Assert.True(refused > 100 && late > 0.9 * refused, $"{late} of {refused} refused sets were late");
    }

    private static BatchJob[] RandomJobs(Random random)
    {
        var jobs = new BatchJob[random.Next(2, 6)];
        var share = 0.5 + (random.NextDouble() * 0.6);
        for (var i = 0; i < jobs.Length; i++)
        {
            var period = 5 + (random.NextDouble() * 95);
            var execution = period * share / jobs.Length * (0.5 + random.NextDouble());
            jobs[i] = new BatchJob(period, execution + (random.NextDouble() * 2 * period), execution);
        }

        return jobs;
    }

    private static double[] Simulate(BatchJob[] jobs, double[] phases)
    {
        var worst = new double[jobs.Length];
        var next = (double[])phases.Clone();
        var ready = new PriorityQueue<(int Job, double Release), double>();
        var now = 0.0;
        while (now < 3000)
        {
            if (ready.Count == 0)
            {
                now = Math.Max(now, next.Min());
            }

            for (var i = 0; i < jobs.Length; i++)
            {
                for (; next[i] <= now; next[i] += jobs[i].Period)
                {
                    ready.Enqueue((i, next[i]), next[i] + jobs[i].Deadline);
                }
            }

            var (job, release) = ready.Dequeue();
            now += jobs[job].Execution;
            worst[job] = Math.Max(worst[job], now - release);
        }

        return worst;
    }
}
