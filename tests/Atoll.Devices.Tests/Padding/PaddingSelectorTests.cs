namespace Atoll.Devices.Tests;

/// <summary>The selector against its two rules, and against a slow search that tries every choice.</summary>
public class PaddingSelectorTests
{
    private const int Cases = 3000;

    [Theory]
    [InlineData(8, 60, 8)]
    [InlineData(61, 60, 31)]
    [InlineData(120, 60, 60)]
    [InlineData(121, 60, 41)]
    [InlineData(1, 2, 1)]
    [InlineData(3, 2, 2)]
    public void Real_time_kernels_get_the_fewest_units_that_keep_their_passes(int blocks, int units, int expected) =>
        Assert.Equal(expected, PaddingSelector.UnitsFor(blocks, units));

    [Fact]
    public void Fewest_units_equal_a_search_over_all_unit_counts()
    {
        for (var units = 1; units <= 64; units++)
        {
            for (var blocks = 1; blocks <= 200; blocks++)
            {
                var passes = (blocks + units - 1) / units;
                var fewest = Enumerable.Range(1, units).First(u => (blocks + u - 1) / u == passes);
                Assert.Equal(fewest, PaddingSelector.UnitsFor(blocks, units));
            }
        }
    }

    [Fact]
    public void Every_plan_keeps_both_rules_and_the_units()
    {
        ForRandomCases(testCase =>
        {
            var grants = new PaddingGrant[testCase.Fronts.Length];
            var plan = new PaddingSelector(testCase.Traits).Select(testCase.RealTime, testCase.Fronts, grants);
            var made = grants[..plan.Grants];
            Assert.True(plan.RealTimeUnits + made.Sum(g => g.Units) <= testCase.Traits.Units);
            Assert.Equal(made.Length, made.Select(g => g.Front).Distinct().Count());
            Assert.All(made, grant => Assert.True(Keeps(testCase, grant)));
        });
    }

    [Fact]
    public void The_first_grant_is_the_best_of_all_choices()
    {
        ForRandomCases(testCase =>
        {
            var grants = new PaddingGrant[1];
            var plan = new PaddingSelector(testCase.Traits).Select(testCase.RealTime, testCase.Fronts, grants);
            var free = testCase.Traits.Units - plan.RealTimeUnits;
            var most = AllGrants(testCase, free).Select(g => Worth(testCase, g)).DefaultIfEmpty(0).Max();
            Assert.Equal(most, plan.Grants == 0 ? 0 : Worth(testCase, grants[0]), 6);
        });
    }

    [Fact]
    public void A_plan_leaves_no_unit_idle_that_another_front_could_use()
    {
        ForRandomCases(testCase =>
        {
            var grants = new PaddingGrant[testCase.Fronts.Length];
            var plan = new PaddingSelector(testCase.Traits).Select(testCase.RealTime, testCase.Fronts, grants);
            var free = testCase.Traits.Units - plan.RealTimeUnits - grants[..plan.Grants].Sum(g => g.Units);
            var taken = grants[..plan.Grants].Select(g => g.Front).ToHashSet();
            Assert.True(free == 0 || AllGrants(testCase, free).All(g => taken.Contains(g.Front)));
        });
    }

    [Fact]
    public void First_fit_is_the_published_rule()
    {
        ForRandomCases(testCase =>
        {
            var grants = new PaddingGrant[4];
            var selector = new PaddingSelector(testCase.Traits, PaddingRule.FirstFit);
            var plan = selector.Select(testCase.RealTime, testCase.Fronts, grants);
            var free = testCase.Traits.Units - plan.RealTimeUnits;
            var all = AllGrants(testCase, free).ToList();
            Assert.Equal(all.Count > 0 ? 1 : 0, plan.Grants);
            if (plan.Grants == 1)
            {
                var first = all.Min(g => g.Front);
                Assert.Equal(all.Where(g => g.Front == first).MaxBy(g => g.Occupancy), grants[0] with { Units = free });
            }
        });
    }

    [Fact]
    public void A_long_block_may_pad_only_where_blocks_stop_at_a_yield_point()
    {
        PaddingFront[] fronts = [new(100, new KernelProfile([500.0]))];
        var grants = new PaddingGrant[1];
        var realTime = new PaddedKernel(1, 50, 1);
        Assert.Equal(0, new PaddingSelector(new(2, 1, false)).Select(realTime, fronts, grants).Grants);
        Assert.Equal(1, new PaddingSelector(new(2, 1, true)).Select(realTime, fronts, grants).Grants);
        Assert.Equal(new PaddingGrant(0, 1, 1, 1), grants[0]);
    }

    [Fact]
    public void Kernels_of_unknown_time_pad_only_where_blocks_stop_at_a_yield_point()
    {
        PaddingFront[] fronts = [new(100, new KernelProfile([0.0]))];
        var grants = new PaddingGrant[1];
        var realTime = new PaddedKernel(1, 0, 1);
        Assert.Equal(0, new PaddingSelector(new(2, 1, false)).Select(realTime, fronts, grants).Grants);
        Assert.Equal(1, new PaddingSelector(new(2, 1, true)).Select(realTime, fronts, grants).Grants);
        Assert.Equal(new PaddingGrant(0, 100, 1, 1), grants[0]);
    }

    [Fact]
    public void Selection_allocates_nothing()
    {
        var selector = new PaddingSelector(new(60, 40, false));
        PaddingFront[] fronts = [.. Enumerable.Range(1, 8).Select(i =>
            new PaddingFront(i * 30, new KernelProfile([10, 12, 14])))];
        var grants = new PaddingGrant[8];
        var made = selector.Select(new(31, 100, 5), fronts, grants).Grants;
        var before = GC.GetAllocatedBytesForCurrentThread();
        for (var i = 1; i < 1000; i++)
        {
            made += selector.Select(new(i, 100, 5), fronts, grants).Grants;
        }

        Assert.Equal(0, GC.GetAllocatedBytesForCurrentThread() - before);
        Assert.True(made > 0);
    }

    [Fact]
    public void Profiles_follow_what_is_measured()
    {
        var profile = new KernelProfile([100.0, 0.0], 0.5);
        profile.Observe(1, 50);
        profile.Observe(2, 80);
        Assert.Equal(75, profile.PassMicroseconds(1));
        Assert.Equal(80, profile.PassMicroseconds(2));
        Assert.Equal(40, profile.BlockCostMicroseconds);
        Assert.Throws<ArgumentOutOfRangeException>(() => new KernelProfile([]));
        Assert.Throws<ArgumentOutOfRangeException>(() => new KernelProfile([-1.0]));
    }

    private static void ForRandomCases(Action<Case> check)
    {
        for (var seed = 1; seed <= Cases; seed++)
        {
            var random = new Random(seed);
            var testCase = RandomCase(random);
            try
            {
                check(testCase);
            }
            catch (Exception failure)
            {
                throw new InvalidOperationException($"seed {seed}: {testCase}", failure);
            }
        }
    }

    private static Case RandomCase(Random random)
    {
        var traits = new PaddingTraits(random.Next(1, 65), random.Next(1, 9), random.Next(4) == 0);
        var realTime = new PaddedKernel(random.Next(1, 130), random.Next(5, 300), random.Next(1, 9));
        var fronts = new PaddingFront[random.Next(0, 6)];
        for (var i = 0; i < fronts.Length; i++)
        {
            var pass = new double[random.Next(1, 9)];
            for (var o = 0; o < pass.Length; o++)
            {
                pass[o] = (o == 0 ? random.Next(5, 200) : pass[o - 1]) + random.Next(0, 20);
            }

            fronts[i] = new(random.Next(0, 400), new KernelProfile(pass));
        }

        return new Case(traits, realTime, fronts);
    }

    /// <summary>Every grant that the rules allow on <paramref name="free"/> units, at its most blocks.</summary>
    private static IEnumerable<PaddingGrant> AllGrants(Case testCase, int free)
    {
        for (var front = 0; front < testCase.Fronts.Length; front++)
        {
            for (var occupancy = 1; occupancy <= 40; occupancy++)
            {
                var most = testCase.Fronts[front].BlocksLeft;
                var blocks = Enumerable.Range(1, most).LastOrDefault(b =>
                    Keeps(testCase, new(front, b, occupancy, free)));
                if (blocks > 0)
                {
                    yield return new(front, blocks, occupancy, free);
                }
            }
        }
    }

    private static bool Keeps(Case testCase, PaddingGrant grant)
    {
        var (traits, realTime, front) = (testCase.Traits, testCase.RealTime, testCase.Fronts[grant.Front]);
        var most = Math.Min(front.Profile.MaxOccupancy, Math.Min(realTime.MaxOccupancy, traits.MaxOccupancy));
        var passesOfAll = (realTime.Blocks + traits.Units - 1) / traits.Units;
        var needed = Math.Min(passesOfAll, Math.Min(realTime.MaxOccupancy, traits.MaxOccupancy));
        if (grant.Occupancy < 1 || grant.Occupancy > most || most < needed || grant.Units < 1)
        {
            return false;
        }

        var pass = front.Profile.PassMicroseconds(grant.Occupancy);
        var passes = realTime.ExpectedMicroseconds / pass;
        passes = traits.StopsAtYieldPoint ? Math.Ceiling(passes) : Math.Floor(passes);
        return grant.Blocks <= front.BlocksLeft && grant.Blocks <= grant.Units * grant.Occupancy * passes;
    }

    private static double Worth(Case testCase, PaddingGrant grant)
    {
        var profile = testCase.Fronts[grant.Front].Profile;
        return grant.Blocks * Enumerable.Range(1, profile.MaxOccupancy).Min(o => profile.PassMicroseconds(o) / o);
    }

    private sealed record Case(PaddingTraits Traits, PaddedKernel RealTime, PaddingFront[] Fronts);
}
