using Atoll.Devices;

namespace Atoll.Models.Tests;

/// <summary>
/// Real preemptions at random points of every sample model, whose memory plan reuses buffers: outputs must equal an
/// undisturbed run bit for bit, of the preempted model and of the preempting one.
/// </summary>
public sealed class PreemptionStormTests
{
    private const int Seed = 20261122;
    private const int PreemptionsWanted = 400;

    public static TheoryData<string, ShareMode> Cases()
    {
        var data = new TheoryData<string, ShareMode>();
        foreach (var name in SampleModels.Names)
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
        var folder = Directory.CreateTempSubdirectory("atoll-storm");
        try
        {
            using var device = new CpuDevice(new CpuDeviceOptions { Mode = mode });
            using var victim = new Subject(device, folder.FullName, name, WorkClass.BestEffort);
            using var urgent = new Subject(device, folder.FullName, "digits", WorkClass.RealTime);
            var differing = Storm(device, victim, urgent, new Random(Seed));
            Assert.True(differing == 0, $"{differing} bytes differ, seed {Seed}");
            Assert.True(
                device.Statistics.Preemptions >= PreemptionsWanted,
                $"only {device.Statistics.Preemptions} preemptions");
            Assert.True(victim.Instance.Program.Analysis.AllIdempotent);
        }
        finally
        {
            folder.Delete(recursive: true);
        }
    }

    private static long Storm(CpuDevice device, Subject victim, Subject urgent, Random random)
    {
        var differing = 0L;
        while (device.Statistics.Preemptions < PreemptionsWanted)
        {
            victim.Submit();
            while (!victim.Launch.IsEnded)
            {
                Thread.SpinWait(random.Next(4000));
                urgent.Submit();
                Assert.True(urgent.Launch.Wait(TimeSpan.FromSeconds(60)), "the real-time launch did not end");
                differing += urgent.CountDifferences();
            }

            Assert.True(victim.Launch.Wait(TimeSpan.FromSeconds(60)));
            differing += victim.CountDifferences();
        }

        return differing;
    }

    private sealed class Subject : IDisposable
    {
        private readonly CompiledModel _model;
        private readonly DeviceStream _stream;
        private readonly byte[][] _expected;

        public Subject(Device device, string folder, string name, WorkClass workClass)
        {
            var path = Path.Combine(folder, $"{name}-{workClass}.onnx");
            var image = SampleModels.HasImageSize(name) ? 96 : (int?)null;
            SampleModels.Create(
                name, path, new SampleModelOptions { Width = name == "digits" ? 1 : 0.125, Image = image });
            _model = ModelCompiler.Compile(OnnxModel.Load(path).Graph);
            Instance = _model.Instantiate(device);
            _stream = device.CreateStream(new StreamOptions { Class = workClass, Name = name });
            Launch = new Launch(Instance.Program);
            FillInputs(new Random(Seed));
            Submit();
            Launch.Wait();
            _expected = [.. Instance.Outputs.Select(o => o.AsSpan<byte>().ToArray())];
        }

        public ModelInstance Instance { get; }

        public Launch Launch { get; }

        public void Submit() => Assert.Equal(SubmitResult.Accepted, _stream.Submit(Launch));

        public long CountDifferences()
        {
            Assert.Equal(LaunchStatus.Completed, Launch.Status);
            var differing = 0L;
            for (var index = 0; index < _expected.Length; index++)
            {
                var actual = Instance.Output(index).AsSpan<byte>();
                for (var at = 0; at < actual.Length; at++)
                {
                    differing += actual[at] == _expected[index][at] ? 0 : 1;
                }

                // An output that is never written again must not pass as right.
                actual.Fill(0xAA);
            }

            return differing;
        }

        public void Dispose()
        {
            _stream.Dispose();
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
                        value = input.Spec.Name.Contains("mask", StringComparison.Ordinal) ? 1 : random.Next(1, 500);
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
}
