using Atoll.Devices;

namespace Atoll.Models.Tests;

/// <summary>Measured choices of kernels, their file, and what models make of them.</summary>
public sealed class KernelTuningTests : IDisposable
{
    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("atoll-tuning-");
    private readonly List<string> _reports = [];

    private string FilePath => Path.Combine(_folder.FullName, "deeper", "kernels.tuning");

    public void Dispose() => _folder.Delete(recursive: true);

    [Fact]
    public void What_was_measured_is_found_by_the_next_process()
    {
        var first = Open();
        first.Note("conv a", 10, 5);
        first.Note("conv b", 3, 5);
        first.Note("conv b", 5, 3);
        first.Save();

        var second = Open();

        Assert.Equal(2, second.Count);
        Assert.True(second.PrefersWinograd("conv a"));
        Assert.False(second.PrefersWinograd("conv b"));
        Assert.Null(second.PrefersWinograd("conv c"));
        Assert.Empty(_reports);
        Assert.Equal(FilePath, Assert.Single(Directory.GetFiles(Path.GetDirectoryName(FilePath)!)));
    }

    [Fact]
    public void A_file_of_another_machine_is_not_used_and_gives_way()
    {
        var other = Open("another processor");
        other.Note("conv a", 10, 5);
        other.Save();

        var own = Open();
        Assert.Equal(0, own.Count);
        own.Note("conv b", 10, 5);
        own.Save();

        Assert.Equal(1, Open().Count);
        Assert.Equal(0, Open("another processor").Count);
        Assert.Empty(_reports);
    }

    [Theory]
    [InlineData("conv a\t10")]
    [InlineData("conv a\tten\t5")]
    [InlineData("conv a\t-1\t5")]
    [InlineData("\t1\t5")]
    [InlineData("conv a\tNaN\t5")]
    public void A_broken_file_is_ignored_and_told(string line)
    {
        var first = Open();
        first.Note("conv b", 10, 5);
        first.Save();
        File.AppendAllText(FilePath, line + "\n");

        var second = Open();

        Assert.Equal(0, second.Count);
        Assert.Contains(FilePath, Assert.Single(_reports));
    }

    [Fact]
    public void A_file_that_is_too_large_is_ignored_and_no_more_than_the_limit_is_kept()
    {
        var first = Open();
        for (var i = 0; i < KernelTuning.EntriesMax + 10; i++)
        {
            first.Note($"conv {i}", 10, 5);
        }

        first.Save();
        Assert.Equal(KernelTuning.EntriesMax, first.Count);
        Assert.Equal(KernelTuning.EntriesMax, Open().Count);

        File.AppendAllText(FilePath, new string('x', 1 << 20));
        Assert.Equal(0, Open().Count);
        Assert.Contains("bytes", Assert.Single(_reports));
    }

    [Fact]
    public void A_file_that_cannot_be_written_is_told_and_the_choices_stay()
    {
        var file = Path.Combine(_folder.FullName, "file");
        File.WriteAllText(file, "");
        var tuning = new KernelTuning(Path.Combine(file, "x"), "m", TimeProvider.System, _reports.Add);
        tuning.Note("conv a", 10, 5);

        tuning.Save();

        Assert.Contains("not kept", Assert.Single(_reports));
        Assert.True(tuning.PrefersWinograd("conv a"));
    }

    [Theory]
    [InlineData(5.0, 10.0)]
    [InlineData(10.0, 5.0)]
    public void A_known_choice_is_taken_and_results_stay_within_the_tolerance(double directUs, double winogradUs)
    {
        var graph = Network();
        using var device = new CpuDevice(new CpuDeviceOptions { Units = 1 });
        var modelled = Run(device, graph, null);
        var tuning = Open();
        tuning.Note("conv3x3 1x6x6x32 1x6x6x32", directUs, winogradUs);

        using var compiled = ModelCompiler.Compile(graph, new CompileOptions { Tuning = tuning });
        using var instance = compiled.Instantiate(device);
        var tuned = Run(device, instance);

        string[] kinds = [.. instance.Program.Kernels.Select(kernel => kernel.GetType().Name.Split('`')[0])];
        Assert.Contains(winogradUs < directUs ? "WinogradKernel" : "DirectConvolutionKernel", kinds);
        Assert.DoesNotContain(winogradUs < directUs ? "DirectConvolutionKernel" : "WinogradKernel", kinds);
        for (var i = 0; i < tuned.Length; i++)
        {
            Assert.True(Math.Abs(tuned[i] - modelled[i]) <= 1e-4 + (1e-3 * Math.Abs(modelled[i])), $"element {i}");
        }
    }

    [Fact]
    public void Processes_beside_each_other_keep_what_both_measured()
    {
        var (first, second) = (Open(), Open());
        first.Note("conv a", 10, 5);
        first.Note("conv b", 10, 5);
        first.Save();
        second.Note("conv b", 5, 10);
        second.Note("conv c", 5, 10);
        second.Save();

        var third = Open();

        Assert.Equal(3, third.Count);
        Assert.True(third.PrefersWinograd("conv a"));
        Assert.False(third.PrefersWinograd("conv b"));
        Assert.Empty(_reports);
    }

    [Fact]
    public void A_file_that_is_a_link_is_neither_read_nor_replaced()
    {
        var target = Path.Combine(_folder.FullName, "target");
        File.WriteAllText(target, "precious");
        Directory.CreateDirectory(Path.GetDirectoryName(FilePath)!);
        File.CreateSymbolicLink(FilePath, target);

        var tuning = Open();
        tuning.Note("conv a", 10, 5);
        tuning.Save();

        Assert.All(_reports, report => Assert.Contains("symbolic link", report));
        Assert.Equal(2, _reports.Count);
        Assert.Equal("precious", File.ReadAllText(target));
        Assert.Equal(target, new FileInfo(FilePath).LinkTarget);
    }

    [Fact]
    public void What_a_stopped_process_left_behind_gives_way_and_a_link_there_is_not_followed()
    {
        var target = Path.Combine(_folder.FullName, "target");
        File.WriteAllText(target, "precious");
        Directory.CreateDirectory(Path.GetDirectoryName(FilePath)!);
        File.CreateSymbolicLink($"{FilePath}.{Environment.ProcessId}.unfinished", target);

        var tuning = Open();
        tuning.Note("conv a", 10, 5);
        tuning.Save();

        Assert.Empty(_reports);
        Assert.Equal("precious", File.ReadAllText(target));
        Assert.Equal(1, Open().Count);
        Assert.Equal(FilePath, Assert.Single(Directory.GetFiles(Path.GetDirectoryName(FilePath)!)));
    }

    [Theory]
    [InlineData(100, 95)]
    [InlineData(95, 100)]
    public void A_choice_within_the_noise_is_not_kept(int directUs, int winogradUs)
    {
        using var device = new CpuDevice(new CpuDeviceOptions { Units = 1 });
        var clock = new MeasuringClock(directUs, winogradUs);
        var tuning = Open(budget: TimeSpan.FromSeconds(10), clock: clock);

        var measured = Run(device, Network(), tuning);

        Assert.Equal(MeasuringClock.Readings, clock.Read);
        Assert.Equal(0, tuning.Count);
        Assert.False(File.Exists(FilePath));
        Assert.Equal(Run(device, Network(), null), measured);
    }

    [Fact]
    public void A_shape_that_is_not_known_is_measured_once_within_the_budget()
    {
        var graph = Network();
        using var device = new CpuDevice(new CpuDeviceOptions { Units = 1 });
        var budget = TimeSpan.FromSeconds(10);
        var clock = new MeasuringClock(directUs: 100, winogradUs: 50);
        var tuning = Open(budget: budget, clock: clock);

        var first = Run(device, graph, tuning);
        Assert.Equal(MeasuringClock.Readings, clock.Read);
        Assert.Equal(1, tuning.Count);
        Assert.True(File.Exists(FilePath));
        Assert.Equal(0, device.MemoryInUseBytes);
        Assert.Equal(first, Run(device, graph, tuning));
        Assert.Equal(first, Run(device, graph, Open(budget: budget, clock: clock)));
        Assert.Equal(MeasuringClock.Readings, clock.Read);

        var other = Open("new machine", TimeSpan.Zero, clock);
        Run(device, graph, other);
        Assert.Equal(0, other.Count);
        Assert.Equal(MeasuringClock.Readings, clock.Read);
    }

    private KernelTuning Open(
        string machine = "this processor", TimeSpan? budget = null, TimeProvider? clock = null) =>
        new(FilePath, machine, clock ?? TimeProvider.System, _reports.Add)
        {
            Budget = budget ?? TimeSpan.Zero,
        };

    /// <summary>A convolution for which model and measurement may disagree.</summary>
    private static Graph Network()
    {
        var b = new GraphBuilder(7);
        return b.Build(b.Op("Conv", [("pads", new[] { 1L, 1L, 1L, 1L })], b.Input(1, 32, 6, 6),
            b.Weights(32, 32, 3, 3)));
    }

    private static float[] Run(CpuDevice device, Graph graph, KernelTuning? tuning)
    {
        using var compiled = ModelCompiler.Compile(graph, new CompileOptions { Tuning = tuning });
        using var instance = compiled.Instantiate(device);
        return Run(device, instance);
    }

    private static float[] Run(CpuDevice device, ModelInstance instance)
    {
        var input = instance.Input(0).AsSpan<float>();
        for (var i = 0; i < input.Length; i++)
        {
            input[i] = (i * 37 % 101 / 50f) - 1;
        }

        using var stream = device.CreateStream(new StreamOptions());
        var launch = new Launch(instance.Program);
        Assert.Equal(SubmitResult.Accepted, stream.Submit(launch));
        Assert.Equal(LaunchStatus.Completed, launch.Wait());
        return instance.Output(0).AsSpan<float>().ToArray();
    }

    /// <summary>Read around each run of a form, the direct one first, in turns: says what each is to take.</summary>
    private sealed class MeasuringClock(int directUs, int winogradUs) : TimeProvider
    {
        /// <summary>Of one measurement: two around each of four runs of both forms, and two around all.</summary>
        public const int Readings = (2 * 2 * 4) + 2;

        private long _us;

        public int Read { get; private set; }

        public override long TimestampFrequency => 1_000_000;

        public override long GetTimestamp()
        {
            _us += (Read++ % Readings % 4) switch
            {
                2 => directUs,
                0 => winogradUs,
                _ => 0,
            };
            return _us;
        }
    }
}
