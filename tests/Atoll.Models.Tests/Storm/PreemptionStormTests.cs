using Atoll.Devices;

namespace Atoll.Models.Tests;

/// <summary>
/// Real preemptions at random points of every sample model, whose memory plan reuses buffers: outputs must equal an
/// undisturbed run bit for bit, of the preempted model and of the preempting one. ATOLL_LONG=1 storms ten times as
/// long.
/// </summary>
[Collection(DeviceAlone.Name)]
public sealed class PreemptionStormTests(ITestOutputHelper output)
{
    private const int Seed = 20261122;
    private const int SpinsMax = 4000;

    private static int PreemptionsWanted => LongTests.AreWanted ? 4000 : 400;

    public static TheoryData<string, ShareMode> Cases()
    {
        var data = new TheoryData<string, ShareMode>();
        foreach (var name in SampleModels.Names.Concat(SampleModels.QuantizedNames))
        {
            data.Add(name, ShareMode.ResetLeave);
            data.Add(name, ShareMode.ResetPadding);
        }

        return data;
    }

    [Theory]
    [MemberData(nameof(Cases))]
    public void Outputs_of_preempted_models_are_bit_identical(string name, ShareMode mode)
    {
        using var device = new CpuDevice(StormSubject.DeviceOptions(mode));
        using var victim = new StormSubject(device, name, WorkClass.BestEffort, Seed);
        using var urgent = new StormSubject(device, "digits", WorkClass.RealTime, Seed);
        var differing = Storm(device, victim, urgent, new Random(Seed));
        output.WriteLine($"{device.Statistics.Preemptions} preemptions, {device.Statistics.Stopped} blocks stopped, " +
            $"{device.Statistics.Repeated} repeated, {device.Statistics.Evicted} kernels evicted");
        Assert.True(differing == 0, $"{differing} bytes differ, seed {Seed}");
        Assert.True(victim.Instance.Program.Analysis.AllIdempotent);
        Assert.True(mode != ShareMode.ResetLeave || device.Statistics.Repeated > 0, "no block was ever left");
    }

    private static long Storm(CpuDevice device, StormSubject victim, StormSubject urgent, Random random)
    {
        var differing = 0L;
        while (device.Statistics.Preemptions < PreemptionsWanted)
        {
            victim.Submit();
            while (!victim.Launch.IsEnded)
            {
                Thread.SpinWait(random.Next(SpinsMax));
                urgent.Submit();
                urgent.WaitForEnd();
                differing += urgent.CountDifferences();
            }

            victim.WaitForEnd();
            differing += victim.CountDifferences();
        }

        return differing;
    }
}
