using Atoll.Devices;

namespace Atoll.Models.Tests;

/// <summary>Once warm, submitting, running and preempting compiled models allocates nothing on any thread.</summary>
[Collection(DeviceAlone.Name)]
public sealed class SteadyStateAllocationTests(ITestOutputHelper output)
{
    private const int Seed = 3;
    private const int WarmUp = 300;
    private const int Launches = 3000;

    // The test host's own threads (timers, console) may allocate now and then; a launch that allocates costs far more.
    private const long NoiseBytes = 8192;

    public static TheoryData<ShareMode> Modes => [.. Enum.GetValues<ShareMode>()];

    [Theory]
    [MemberData(nameof(Modes))]
    public void Launches_of_a_compiled_model_allocate_nothing(ShareMode mode)
    {
        using var device = new CpuDevice(StormSubject.DeviceOptions(mode));
        using var subject = new StormSubject(device, "digits", WorkClass.RealTime, Seed);
        Measure($"{mode}", () =>
        {
            subject.Stream.Submit(subject.Launch);
            subject.Launch.Wait();
        });
        Assert.Equal(0, subject.CountDifferences());
    }

    [Theory]
    [MemberData(nameof(Modes))]
    public void Preemptions_of_a_saturating_model_allocate_nothing(ShareMode mode)
    {
        using var device = new CpuDevice(StormSubject.DeviceOptions(mode));
        using var victim = new StormSubject(device, "densenet201", WorkClass.BestEffort, Seed);
        using var urgent = new StormSubject(device, "digits", WorkClass.RealTime, Seed);
        Measure($"{mode} under load", () =>
        {
            victim.Stream.Submit(victim.Launch);
            urgent.Stream.Submit(urgent.Launch);
            urgent.Launch.Wait();
        });
        victim.WaitForEnd();
        Assert.Equal(0, victim.CountDifferences());
    }

    private void Measure(string what, Action launch)
    {
        for (var i = 0; i < WarmUp; i++)
        {
            launch();
        }

        var total = GC.GetTotalAllocatedBytes(precise: true);
        var own = GC.GetAllocatedBytesForCurrentThread();
        for (var i = 0; i < Launches; i++)
        {
            launch();
        }

        own = GC.GetAllocatedBytesForCurrentThread() - own;
        total = GC.GetTotalAllocatedBytes(precise: true) - total;
        output.WriteLine($"{what}: {Launches} launches allocated {own} bytes on the submitting thread, {total} in all");
        Assert.Equal(0, own);
        Assert.InRange(total, 0, NoiseBytes);
    }
}
