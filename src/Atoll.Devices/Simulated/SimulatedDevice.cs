using Atoll.Simulation;

namespace Atoll.Devices;

/// <summary>
/// A described device in virtual time: the queues, modes, policies, preemption and padding of a real one,
/// deterministic, without threads. Kernels take the time that they state; those with host code run it when a block
/// ends. Time moves only in <see cref="RunUntilIdle"/>, <see cref="RunFor"/> and <see cref="Launch.Wait()"/>.
/// </summary>
public sealed class SimulatedDevice : Device
{
    private readonly Lock _gate = new();
    private readonly SimulatedDeviceOptions _options;
    private readonly SimulatedScheduler _scheduler;
    private readonly BlockRunner _runner;
    private long _sequence;
    private bool _isDisposed;

    /// <exception cref="DeviceException">An option is out of range.</exception>
    public SimulatedDevice(SimulatedDeviceOptions? options = null, EventQueue? events = null, string name = "simulated")
        : base(name, (options ?? new()).MemoryBytes)
    {
        _options = options ?? new();
        _options.Validate();
        Events = events ?? new EventQueue();
        _runner = new BlockRunner(ScratchBytes);
        _scheduler = new SimulatedScheduler(_options, Events, _runner);
    }

    /// <summary>Virtual time; schedule arrivals here. Drive it from one thread.</summary>
    public EventQueue Events { get; }

    public override int Units => _options.Units;

    public override ShareMode Mode => _options.Mode;

    public override TimeProvider Clock => Events.Clock;

    public SimulatedStatistics Statistics => _scheduler.Statistics;

    /// <summary>The guard that watches a real-time program; null when the device has none.</summary>
    public PaddingGuard? GuardOf(Program program) => _scheduler.GuardOf(program);

    /// <exception cref="DeviceException">A client of another device, or a weight or capacity out of range.</exception>
    public override DeviceStream CreateStream(StreamOptions options)
    {
        StreamChecks.Check(this, options);
        lock (_gate)
        {
            ObjectDisposedException.ThrowIf(_isDisposed, this);
            var stream = new SimulatedStream(this, options.Client ?? DefaultClient, options);
            _scheduler.Add(stream);
            return stream;
        }
    }

    /// <summary>Simulated units never sleep: nothing to prepare.</summary>
    public override void Hint(TimeSpan within) => ArgumentOutOfRangeException.ThrowIfLessThan(within, TimeSpan.Zero);

    /// <summary>Runs virtual time until nothing is left to happen.</summary>
    public void RunUntilIdle()
    {
        while (Step(long.MaxValue))
        {
        }
    }

    /// <summary>Runs a span of virtual time, and lets the clock stand at its end.</summary>
    public void RunFor(TimeSpan span)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(span, TimeSpan.Zero);
        RunUntil(Events.Now + VirtualClock.Nanoseconds(span), null);
    }

    internal SubmitResult Submit(SimulatedStream stream, Launch launch)
    {
        ArgumentNullException.ThrowIfNull(launch);
        StreamChecks.CheckOwner(this, launch);
        lock (_gate)
        {
            var result = TryEnqueue(stream, launch);
            Report();
            return result;
        }
    }

    internal int CancelAll(SimulatedStream stream)
    {
        lock (_gate)
        {
            var told = stream.Depth;
            foreach (var launch in stream.Launches)
            {
                launch.CancelRequested = true;
            }

            Signal();
            return told;
        }
    }

    internal void Remove(SimulatedStream stream)
    {
        lock (_gate)
        {
            _scheduler.Remove(stream);
        }
    }

    internal override void Signal()
    {
        lock (_gate)
        {
            _scheduler.OnSignal();
            Report();
        }
    }

    /// <summary>Waiting moves virtual time on. The timeout is virtual too.</summary>
    /// <exception cref="InvalidOperationException">No timeout, and nothing is left that could end the
    /// launch.</exception>
    internal override bool WaitFor(Launch launch, TimeSpan timeout)
    {
        var until = timeout == Timeout.InfiniteTimeSpan ? long.MaxValue
            : Events.Now + VirtualClock.Nanoseconds(timeout);
        if (!RunUntil(until, launch) && until == long.MaxValue)
        {
            throw new InvalidOperationException(
                $"a launch of '{launch.Program.Name}' on {Name} is {launch.Status}, and nothing is left to happen " +
                "in virtual time; is its client suspended?");
        }

        return launch.IsEnded;
    }

    protected override void CheckKernel(string program, Kernel kernel)
    {
        if (kernel is not (SimulatedKernel or CpuKernel))
        {
            throw new DeviceException(DeviceError.Unsupported,
                $"kernel '{kernel.Name}' of '{program}' is a {kernel.GetType().Name}; " +
                $"{Name} takes SimulatedKernel and CpuKernel");
        }
    }

    protected override void Dispose(bool disposing)
    {
        lock (_gate)
        {
            if (_isDisposed)
            {
                return;
            }

            _isDisposed = true;
            _scheduler.EndAll();
            Report();
            _runner.Dispose();
        }

        base.Dispose(disposing);
    }

    private SubmitResult TryEnqueue(SimulatedStream stream, Launch launch)
    {
        if (_isDisposed || stream.IsClosed)
        {
            return SubmitResult.Disposed;
        }

        if (stream.Depth >= stream.Options.QueueCapacity)
        {
            return SubmitResult.QueueFull;
        }

        if (launch.Deadline != 0 && !_scheduler.Admits(launch))
        {
            return SubmitResult.NotAdmitted;
        }

        if (!launch.TryQueue(stream, Events.Now))
        {
            return SubmitResult.Busy;
        }

        launch.Sequence = ++_sequence;
        _scheduler.Enqueue(stream, launch);
        return SubmitResult.Accepted;
    }

    private bool Step(long until)
    {
        lock (_gate)
        {
            var ran = Events.Step(until);
            Report();
            return ran;
        }
    }

    private bool RunUntil(long until, Launch? launch)
    {
        while (launch is not { IsEnded: true })
        {
            if (!Step(until))
            {
                if (until != long.MaxValue)
                {
                    Events.AdvanceTo(until);
                }

                return false;
            }
        }

        return true;
    }

    // Ends are reported here only, where no list is being walked: OnEnded may submit again.
    private void Report()
    {
        while (_scheduler.TryTakeEnded(out var launch, out var status))
        {
            launch.End(status, Events.Now);
        }
    }
}
