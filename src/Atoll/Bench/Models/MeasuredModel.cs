using Atoll.Devices;
using Atoll.Models;

namespace Atoll;

/// <summary>
/// One model on a device of its own, run in a closed loop: each launch is submitted as the last one ends. Not
/// thread-safe.
/// </summary>
internal sealed class MeasuredModel : IDisposable
{
    private readonly CpuDevice _device;
    private readonly CompiledModel _compiled;
    private readonly DeviceStream _stream;
    private readonly ManualResetEventSlim _done = new();
    private ModelInstance _instance;
    private double[] _latencies = [];
    private int _ended;

    /// <param name="path">A model file; a dimension without a size in it becomes the batch.</param>
    /// <param name="clock">Measures the load time.</param>
    /// <param name="tuning">Measured choices of kernels; null: as modelled.</param>
    public MeasuredModel(string path, int threads, int batch, TimeProvider clock, KernelTuning? tuning = null)
    {
        // Ordinary priority, as the peer has.
        _device = new CpuDevice(new CpuDeviceOptions { Units = threads, Rights = SchedulingRights.Plain });
        _stream = _device.CreateStream(new StreamOptions());
        var start = clock.GetTimestamp();
        Graph = OnnxModel.Load(path).Graph;
        _compiled = ModelCompiler.Compile(Graph, new CompileOptions { Tuning = tuning });
        _instance = Instantiate(batch);
        LoadMilliseconds = clock.GetElapsedTime(start).TotalMilliseconds;
        RandomInput.Fill(_instance, new Random(1));
    }

    public Graph Graph { get; }

    public ModelInstance Instance => _instance;

    /// <summary>Reading, compiling, packing: until the first run could start.</summary>
    public double LoadMilliseconds { get; }

    /// <summary>Bytes of weights, intermediate results, inputs and outputs.</summary>
    public long MemoryBytes => _instance.Statistics.WeightBytes + _instance.Statistics.ArenaBytes +
        _instance.Inputs.Concat(_instance.Outputs).Sum(t => t.Bytes);

    public void UseBatch(int batch)
    {
        _instance.Dispose();
        _instance = Instantiate(batch);
        RandomInput.Fill(_instance, new Random(1));
    }

    public IReadOnlyDictionary<string, long[]> InputShapes =>
        _instance.Inputs.ToDictionary(i => i.Spec.Name, i => i.Spec.Shape.ToArray());

    public Stint Run(int count)
    {
        _latencies = new double[count];
        _ended = 0;
        _done.Reset();
        var launch = new Launch(_instance.Program) { OnEnded = Again };
        var cpu = Environment.CpuUsage.TotalTime;
        _stream.Submit(launch);
        _done.Wait();
        var used = (Environment.CpuUsage.TotalTime - cpu).TotalMilliseconds / count;
        return launch.Failure is { } failure
            ? throw new InvalidOperationException($"a kernel of '{_compiled.Name}' failed", failure)
            : new Stint(_latencies, used);
    }

    public void Dispose()
    {
        _stream.Dispose();
        _instance.Dispose();
        _compiled.Dispose();
        _device.Dispose();
        _done.Dispose();
    }

    private ModelInstance Instantiate(int batch)
    {
        var shapes = _compiled.Inputs.Select(i => (long[])[.. i.Shape.Select(d => d < 0 ? batch : d)]);
        return _compiled.Instantiate(_device, null, [.. shapes]);
    }

    private void Again(Launch launch)
    {
        var latency = _device.MicrosecondsBetween(launch.SubmittedAt, launch.EndedAt) / 1000;
        _latencies[_ended++] = latency;
        if (launch.Status != LaunchStatus.Completed || _ended == _latencies.Length ||
            _stream.Submit(launch) != SubmitResult.Accepted)
        {
            _done.Set();
        }
    }
}
