using System.Collections.Concurrent;
using Atoll.Devices;

namespace Atoll.Models.Tests;

/// <summary>
/// A sample model on a device with a stream, a client and a launch of its own, and the bytes that an undisturbed launch
/// of it gives.
/// </summary>
internal sealed class StormSubject : IDisposable
{
    public static readonly TimeSpan TimeLimit = TimeSpan.FromSeconds(60);

    private const double Width = 0.125;
    private const int Image = 96;

    // Fitting digits takes seconds, so each model is made once for all tests.
    private static readonly ConcurrentDictionary<string, Lazy<byte[]>> Files = new();

    private readonly CompiledModel _model;
    private readonly byte[][] _expected;

    public StormSubject(Device device, string name, WorkClass workClass, int seed)
    {
        using var file = new MemoryStream(Files.GetOrAdd(name, n => new Lazy<byte[]>(() => Make(n))).Value);
        _model = ModelCompiler.Compile(OnnxModel.Load(file, name).Graph);
        Instance = _model.Instantiate(device);
        Client = device.CreateClient(name, device.MemoryBytes);
        Stream = device.CreateStream(new StreamOptions { Class = workClass, Name = name, Client = Client });
        Launch = new Launch(Instance.Program);
        FillInputs(new Random(seed));
        Submit();
        WaitForEnd();
        _expected = [.. Instance.Outputs.Select(o => o.AsSpan<byte>().ToArray())];
    }

    private static byte[] Make(string name)
    {
        using var folder = new ModelFolder();
        var path = folder.At($"{name}.onnx");
        SampleModels.Create(name, path, new SampleModelOptions
        {
            Width = name == "digits" ? 1 : Width,
            Image = SampleModels.HasImageSize(name) ? Image : null,
        });
        return File.ReadAllBytes(path);
    }

    /// <summary>
    /// Threads of ordinary priority, so that storms end in good time on a busy machine too; ATOLL_LONG=1 takes all the
    /// scheduling rights that there are.
    /// </summary>
    public static CpuDeviceOptions DeviceOptions(ShareMode mode) => new()
    {
        Mode = mode,
        Rights = LongTests.AreWanted ? null : SchedulingRights.Plain,
    };

    public ModelInstance Instance { get; }

    public DeviceClient Client { get; }

    public DeviceStream Stream { get; }

    public Launch Launch { get; }

    public void Submit() => Assert.Equal(SubmitResult.Accepted, Stream.Submit(Launch));

    public void WaitForEnd() =>
        Assert.True(Launch.Wait(TimeLimit), $"{Client.Name}: the launch did not end, it is {Launch.Status}");

    /// <summary>Bytes of the outputs that differ from the undisturbed ones; then spoils the outputs.</summary>
    public long CountDifferences()
    {
        Assert.Equal((LaunchStatus.Completed, null), (Launch.Status, Launch.Failure));
        var differing = 0L;
        for (var index = 0; index < _expected.Length; index++)
        {
            var actual = Instance.Output(index).AsSpan<byte>();
            for (var at = 0; at < actual.Length; at++)
            {
                differing += actual[at] == _expected[index][at] ? 0 : 1;
            }
        }

        SpoilOutputs();
        return differing;
    }

    /// <summary>An output that is never written again must not pass as right.</summary>
    public void SpoilOutputs()
    {
        foreach (var output in Instance.Outputs)
        {
            output.AsSpan<byte>().Fill(0xAA);
        }
    }

    public void Dispose()
    {
        Stream.Dispose();
        Instance.Dispose();
        _model.Dispose();
    }

    private void FillInputs(Random random)
    {
        foreach (var input in Instance.Inputs)
        {
            if (input.Spec.Type == ElementType.Int64)
            {
                foreach (ref var value in input.AsSpan<long>())
                {
                    value = input.Spec.Name.Contains("mask", StringComparison.Ordinal) ? 1
                        : random.Next(input.Spec.Name.Contains("type", StringComparison.Ordinal) ? 2 : 500);
                }

                continue;
            }

            foreach (ref var value in input.AsSpan<float>())
            {
                value = random.NextSingle();
            }
        }
    }
}
