using Atoll.Devices;
using RealTimeAndBestEffort;

// One device, two streams: best-effort work keeps every compute unit busy, real-time work preempts it.
const int Requests = 200;
const int SmallLength = 2048;
const int LargeLength = 1 << 20;

using var device = new CpuDevice(new CpuDeviceOptions { Mode = ShareMode.Reset });
using var background = device.CreateStream(new StreamOptions { Class = WorkClass.BestEffort, Name = "background" });
using var urgent = device.CreateStream(new StreamOptions { Class = WorkClass.RealTime, Name = "urgent" });

// A launch is made once and submitted many times; this one starts itself again until it is told to stop.
var isStopping = false;
var answersOfBackground = 0;
var large = MakeLaunch("large", LargeLength, out _);
large.OnEnded = launch =>
{
    answersOfBackground++;
    if (!Volatile.Read(ref isStopping))
    {
        background.Submit(launch);
    }
};
background.Submit(large);

var small = MakeLaunch("small", SmallLength, out var roots);
var latencies = new LatencyHistogram();
for (var i = 0; i < Requests; i++)
{
    if (urgent.Submit(small) != SubmitResult.Accepted || small.Wait() != LaunchStatus.Completed)
    {
        Console.Error.WriteLine($"the real-time launch is {small.Status}: {small.Failure?.Message}");
        return 1;
    }

    latencies.Record((long)(device.MicrosecondsBetween(small.SubmittedAt, small.EndedAt) * 1000));
}

Volatile.Write(ref isStopping, true);
large.Wait();

Console.WriteLine($"{device.Units} compute units, scheduling rights: {device.Rights}");
Console.WriteLine($"square root of 2047: {roots.AsSpan<float>()[^1]:F3}");
Console.WriteLine($"real-time: {Requests} launches, p50 {latencies.Quantile(0.5) / 1000:F1} us, "
    + $"p99 {latencies.Quantile(0.99) / 1000:F1} us");
Console.WriteLine($"best-effort: {answersOfBackground} launches beside them, "
    + $"{device.Statistics.Preemptions} preemptions, {device.Statistics.Repeated} blocks repeated");
return 0;

Launch MakeLaunch(string name, int length, out DeviceBuffer result)
{
    var input = device.Allocate(length * sizeof(float));
    result = device.Allocate(length * sizeof(float));
    var numbers = input.AsSpan<float>();
    for (var i = 0; i < length; i++)
    {
        numbers[i] = i;
    }

    return new Launch(device.Load(name, [new SquareRootKernel(input, result)]));
}
