namespace Atoll.Devices.Tests;

public sealed class CpuDeviceTests
{
    public static TheoryData<ShareMode, int> Shapes()
    {
        var data = new TheoryData<ShareMode, int>();
        foreach (var mode in Enum.GetValues<ShareMode>())
        {
            data.Add(mode, 1);
            data.Add(mode, Math.Min(2, ThreadScheduling.AllowedCpus().Count));
        }

        return data;
    }

    [Theory]
    [MemberData(nameof(Shapes))]
    public void Every_block_runs_exactly_once_under_random_preemption(ShareMode mode, int units)
    {
        using var device = new CpuDevice(new CpuDeviceOptions { Units = units, Mode = mode });
        var random = new Random(7);
        var counts = Enumerable.Range(0, 40).Select(_ => new int[random.Next(1, 9)]).ToArray();
        var program =
            device.Load("work", [.. counts.Select((c, i) => new SpinKernel($"k{i}", c.Length, random.Next(1, 30), c))]);
        var urgentCounts = new int[units];
        var urgent = device.Load("urgent", [new SpinKernel("u", units, 4, urgentCounts)]);
        using var background = device.CreateStream(new StreamOptions { Name = "background" });
        using var front = device.CreateStream(new StreamOptions { Class = WorkClass.RealTime, Name = "front" });
        var runs = 20;
        var launches = Enumerable.Range(0, runs).Select(_ => new Launch(program)).ToArray();
        foreach (var launch in launches)
        {
            Assert.Equal(SubmitResult.Accepted, background.Submit(launch));
        }

        var preempting = new Launch(urgent);
        var urgentRuns = 0;
        while (!launches[^1].IsEnded)
        {
            Assert.Equal(SubmitResult.Accepted, front.Submit(preempting));
            Assert.True(preempting.Wait(TimeSpan.FromSeconds(20)), "the real-time launch did not end");
            Assert.Equal(LaunchStatus.Completed, preempting.Status);
            urgentRuns++;
            Thread.SpinWait(random.Next(3000));
        }

        Assert.All(launches, l => Assert.Equal(LaunchStatus.Completed, l.Status));
        Assert.All(counts, c => Assert.All(c, n => Assert.Equal(runs, n)));
        Assert.All(urgentCounts, n => Assert.Equal(urgentRuns, n));
    }

    [Theory]
    [MemberData(nameof(Shapes))]
    public void A_refused_real_time_launch_leaves_the_units_to_best_effort_work(ShareMode mode, int units)
    {
        using var device = new CpuDevice(new CpuDeviceOptions { Units = units, Mode = mode });
        using var background = device.CreateStream(new StreamOptions { Name = "background" });
        using var front = device.CreateStream(new StreamOptions { Class = WorkClass.RealTime, Name = "front" });
        var counts = new int[4];
        var work = device.Load("work", [new SpinKernel("k", counts.Length, 20, counts)]);
        var elsewhere = device.CreateStream(new StreamOptions { Class = WorkClass.RealTime, Name = "closed" });
        elsewhere.Dispose();
        var urgent = new Launch(device.Load("urgent", [new SpinKernel("u", units, 4, new int[units])]));
        for (var run = 0; run < 50; run++)
        {
            var launch = new Launch(work);
            Assert.Equal(SubmitResult.Accepted, background.Submit(launch));
            Assert.Equal(SubmitResult.Disposed, elsewhere.Submit(urgent));
            Assert.True(launch.Wait(TimeSpan.FromSeconds(20)), "best-effort work did not end");
        }

        Assert.All(counts, n => Assert.Equal(50, n));
        Assert.Equal(SubmitResult.Accepted, front.Submit(urgent));
        Assert.True(urgent.Wait(TimeSpan.FromSeconds(20)), "the real-time launch did not end");
    }
}
