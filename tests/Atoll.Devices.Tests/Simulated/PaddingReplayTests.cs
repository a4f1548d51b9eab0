namespace Atoll.Devices.Tests;

/// <summary>
/// One real-time inference beside one best-effort model that runs as padding only, over the MI50 profiles: the share of
/// a best-effort inference that gets done (by kernel time) and the share of real-time time that is padded.
/// </summary>
public class PaddingReplayTests
{
    /// <summary>
    /// Real-time model, best-effort model, inferences per real-time inference, least and most padded share.
    /// </summary>
    public static TheoryData<string, string, double, double, double> Table => new()
    {
        { "ResNet-152", "ResNet-152", 0.75, 0.93, 0.93 },
        { "ResNet-152", "DenseNet-201", 0.81, 0.94, 0.94 },
        { "ResNet-152", "VGG-19", 0.71, 0.36, 0.36 },
        { "ResNet-152", "Inception-v3", 0.22, 0.50, 0.50 },
        { "ResNet-152", "DistilBERT", 0.60, 0.92, 0.92 },
        { "VGG-19", "ResNet-152", 0.12, 0.84, 0.92 },
        { "VGG-19", "DenseNet-201", 0.31, 0.84, 0.92 },
        { "VGG-19", "VGG-19", 0.33, 0.84, 0.92 },
        { "VGG-19", "Inception-v3", 0.11, 0.84, 0.92 },
        { "VGG-19", "DistilBERT", 0.16, 0.84, 0.92 },
        { "Inception-v3", "ResNet-152", 0.07, 0.51, 0.83 },
        { "Inception-v3", "DenseNet-201", 0.36, 0.51, 0.83 },
        { "Inception-v3", "VGG-19", 0.19, 0.51, 0.83 },
        { "Inception-v3", "Inception-v3", 0.06, 0.51, 0.83 },
        { "Inception-v3", "DistilBERT", 0.10, 0.51, 0.83 },
        { "DenseNet-201", "ResNet-152", 0.01, 0.07, 0.71 },
        { "DenseNet-201", "DenseNet-201", 0.56, 0.07, 0.71 },
        { "DenseNet-201", "VGG-19", 0.02, 0.07, 0.71 },
        { "DenseNet-201", "Inception-v3", 0.07, 0.07, 0.71 },
        { "DenseNet-201", "DistilBERT", 0.02, 0.07, 0.71 },
        { "DistilBERT", "ResNet-152", 0.04, 0.25, 0.61 },
        { "DistilBERT", "DenseNet-201", 0.30, 0.25, 0.61 },
        { "DistilBERT", "VGG-19", 0.13, 0.25, 0.61 },
        { "DistilBERT", "Inception-v3", 0.07, 0.25, 0.61 },
        { "DistilBERT", "DistilBERT", 0.12, 0.25, 0.61 },
    };

    [Theory]
    [MemberData(nameof(Table))]
    public void The_published_rule_pads_as_the_published_profiles_allow(
        string realTime, string bestEffort, double inferences, double leastPadded, double mostPadded)
    {
        var (done, padded, slowdown) = Replay(realTime, bestEffort, PaddingRule.FirstFit);
        Assert.InRange(done, inferences - 0.10, inferences + 0.10);
        Assert.InRange(padded, leastPadded - 0.10, mostPadded + 0.10);
        Assert.InRange(slowdown, -0.001, 0.001);
    }

    [Theory]
    [MemberData(nameof(Table))]
    public void Best_fit_gets_no_less_done_and_slows_real_time_work_no_more(
        string realTime, string bestEffort, double inferences, double leastPadded, double mostPadded)
    {
        Assert.True(leastPadded <= mostPadded);
        var (published, _, _) = Replay(realTime, bestEffort, PaddingRule.FirstFit);
        var (done, padded, slowdown) = Replay(realTime, bestEffort, PaddingRule.BestFit);
        Assert.True(done >= published - 0.01, $"{done} of best fit, {published} of first fit");
        Assert.InRange(done, inferences - 0.10, 10);
        Assert.InRange(padded, 0.01, 1);
        Assert.InRange(slowdown, -0.001, 0.001);
    }

    private static (double Inferences, double Padded, double Slowdown) Replay(
        string realTime, string bestEffort, PaddingRule rule)
    {
        using var device = new SimulatedDevice(new() { PaddingRule = rule });
        var program = device.Load(realTime, Mi50Profiles.Load(realTime));
        var other = device.Load(bestEffort, Mi50Profiles.Load(bestEffort));
        var launch = new Launch(program);
        var whole = other.Kernels.Sum(TimeOf);
        var stream = (SimulatedStream)device.CreateStream(new());
        using var first = device.CreateStream(new() { Class = WorkClass.RealTime });
        first.Submit(launch);
        var padding = new Launch(other);
        var complete = 0;
        padding.OnEnded = ended =>
        {
            complete += ended.Status == LaunchStatus.Completed ? 1 : 0;
            if (ended.Status == LaunchStatus.Completed)
            {
                stream.Submit(ended);
            }
        };
        stream.Submit(padding);
        Assert.Equal(LaunchStatus.Completed, launch.Wait());
        var kernels = stream.Front is { } front ? other.Kernels.Take(front.Index) : [];
        var alone = program.Kernels.Sum(TimeOf);
        var took = (launch.EndedAt - launch.StartedAt) / 1000.0;
        return (complete + kernels.Sum(TimeOf) / whole, device.Statistics.PaddedShare, took / alone - 1);
    }

    private static double TimeOf(Kernel kernel) => ((SimulatedKernel)kernel).WholeMicroseconds;
}
