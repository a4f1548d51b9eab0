using Atoll.Devices;

namespace Atoll.Models.Tests;

/// <summary>
/// Models that are suspended, cancelled or made to share the device at random points, in every share mode: what
/// completes equals an undisturbed run bit for bit, and what was stopped leaves nothing behind.
/// </summary>
[Collection(DeviceAlone.Name)]
public sealed class DisturbedLaunchTests(ITestOutputHelper output)
{
    private const int Seed = 20261123;
    private const int SpinsMax = 20_000;
    private const int SuspensionsMax = 12;
    private const string Victim = "densenet201";
    private const string Urgent = "digits";

    private static int Rounds => LongTests.AreWanted ? 1500 : 80;

    public static TheoryData<ShareMode> Modes => [.. Enum.GetValues<ShareMode>()];

    [Theory]
    [MemberData(nameof(Modes))]
    public void Suspending_and_resuming_at_random_points_changes_no_bit(ShareMode mode) =>
        Disturb(mode, SuspendAndResume);

    [Theory]
    [MemberData(nameof(Modes))]
    public void A_run_after_one_cancelled_at_a_random_point_is_right(ShareMode mode)
    {
        var cancelled = 0;
        Disturb(mode, (subjects, random) =>
        {
            var (victim, urgent) = subjects;
            victim.Submit();
            urgent.Submit();
            Thread.SpinWait(random.Next(4 * SpinsMax));
            (random.Next(4) == 0 ? urgent : victim).Launch.Cancel();
            cancelled += EndsWhole(victim) + EndsWhole(urgent);
            victim.Submit();
            victim.WaitForEnd();
            Assert.Equal(0, victim.CountDifferences());
            urgent.Submit();
            urgent.WaitForEnd();
            Assert.Equal(0, urgent.CountDifferences());
        });
        output.WriteLine($"{cancelled} launches were cancelled");
        Assert.True(cancelled > 0, "every cancellation came too late: the test proves nothing");
    }

    [Theory]
    [MemberData(nameof(Modes))]
    public void Launches_of_both_classes_side_by_side_are_right(ShareMode mode) => Disturb(mode, (subjects, random) =>
    {
        var (victim, urgent) = subjects;
        victim.Submit();
        for (var count = random.Next(1, 6); count > 0; count--)
        {
            Thread.SpinWait(random.Next(SpinsMax));
            urgent.Submit();
            urgent.WaitForEnd();
            Assert.Equal(0, urgent.CountDifferences());
        }

        victim.WaitForEnd();
        Assert.Equal(0, victim.CountDifferences());
    });

    private static void SuspendAndResume((StormSubject Victim, StormSubject Urgent) subjects, Random random)
    {
        var (victim, urgent) = subjects;
        victim.Submit();
        for (var count = random.Next(1, SuspensionsMax); count > 0 && !victim.Launch.IsEnded; count--)
        {
            Thread.SpinWait(random.Next(SpinsMax));
            victim.Client.Suspend();
            if (random.Next(3) == 0)
            {
                urgent.Submit();
                urgent.WaitForEnd();
                Assert.Equal(0, urgent.CountDifferences());
            }

            Thread.SpinWait(random.Next(SpinsMax));
            victim.Client.Resume();
        }

        victim.WaitForEnd();
        Assert.Equal(0, victim.CountDifferences());
    }

    /// <summary>1 if the launch was cancelled; one that completed all the same must be right.</summary>
    private static int EndsWhole(StormSubject subject)
    {
        subject.WaitForEnd();
        if (subject.Launch.Status == LaunchStatus.Cancelled)
        {
            subject.SpoilOutputs();
            return 1;
        }

        Assert.Equal(0, subject.CountDifferences());
        return 0;
    }

    private void Disturb(ShareMode mode, Action<(StormSubject Victim, StormSubject Urgent), Random> round)
    {
        using var device = new CpuDevice(StormSubject.DeviceOptions(mode));
        using var victim = new StormSubject(device, Victim, WorkClass.BestEffort, Seed);
        using var urgent = new StormSubject(device, Urgent, WorkClass.RealTime, Seed);
        output.WriteLine($"seed {Seed}, {mode}");
        var random = new Random(Seed);
        for (var i = 0; i < Rounds; i++)
        {
            round((victim, urgent), random);
        }

        output.WriteLine($"{device.Statistics.Preemptions} preemptions, {device.Statistics.Stopped} blocks stopped, " +
            $"{device.Statistics.Repeated} repeated");
    }
}
