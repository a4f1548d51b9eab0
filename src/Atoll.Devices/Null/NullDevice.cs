namespace Atoll.Devices;

/// <summary>
/// A device that completes every launch at once without running it: to measure or test what surrounds a device.
/// Launches of a suspended client wait until it is resumed. Thread-safe.
/// </summary>
public sealed class NullDevice(
    ShareMode mode = ShareMode.Sequential, TimeProvider? clock = null, long memoryBytes = 1L << 34)
    : Device("null", memoryBytes)
{
    private readonly Lock _gate = new();
    private readonly List<NullStream> _streams = [];
    private bool _isDisposed;

    public override int Units => 1;

    public override ShareMode Mode => mode;

    public override TimeProvider Clock { get; } = clock ?? TimeProvider.System;

    /// <exception cref="DeviceException">A client of another device.</exception>
    public override DeviceStream CreateStream(StreamOptions options)
    {
        StreamChecks.Check(this, options);
        lock (_gate)
        {
            ObjectDisposedException.ThrowIf(_isDisposed, this);
            var stream = new NullStream(this, options.Client ?? DefaultClient, options);
            _streams.Add(stream);
            return stream;
        }
    }

    /// <summary>Nothing sleeps here.</summary>
    public override void Hint(TimeSpan within) => ArgumentOutOfRangeException.ThrowIfLessThan(within, TimeSpan.Zero);

    internal override void Signal()
    {
        lock (_gate)
        {
            foreach (var stream in _streams.ToArray())
            {
                stream.Drain();
            }
        }
    }

    protected override void CheckKernel(string program, Kernel kernel)
    {
    }

    protected override void Dispose(bool disposing)
    {
        lock (_gate)
        {
            _isDisposed = true;
            foreach (var stream in _streams.ToArray())
            {
                stream.Dispose();
            }
        }

        base.Dispose(disposing);
    }

    private sealed class NullStream(NullDevice device, DeviceClient client, StreamOptions options)
        : DeviceStream(device, client, options)
    {
        private readonly Queue<Launch> _launches = new();
        private bool _isClosed;
        private bool _isDraining;

        public override int Depth
        {
            get
            {
                lock (device._gate)
                {
                    return _launches.Count;
                }
            }
        }

        public override SubmitResult Submit(Launch launch)
        {
            ArgumentNullException.ThrowIfNull(launch);
            StreamChecks.CheckOwner(device, launch);
            lock (device._gate)
            {
                if (device._isDisposed || _isClosed)
                {
                    return SubmitResult.Disposed;
                }

                if (_launches.Count >= Options.QueueCapacity)
                {
                    return SubmitResult.QueueFull;
                }

                if (!launch.TryQueue(this, device.Clock.GetTimestamp()))
                {
                    return SubmitResult.Busy;
                }

                _launches.Enqueue(launch);
                Drain();
                return SubmitResult.Accepted;
            }
        }

        /// <inheritdoc/>
        public override int CancelAll()
        {
            lock (device._gate)
            {
                var told = _launches.Count;
                foreach (var launch in _launches)
                {
                    launch.CancelRequested = true;
                }

                Drain();
                return told;
            }
        }

        /// <summary>
        /// Ends what may end now. OnEnded may submit again: the loop that runs takes it, without recursion.
        /// </summary>
        public void Drain()
        {
            if (_isDraining)
            {
                return;
            }

            _isDraining = true;
            while (_launches.TryPeek(out var launch) && (launch.CancelRequested || !Client.IsSuspended))
            {
                _launches.Dequeue();
                Complete(launch, device.Clock.GetTimestamp());
            }

            _isDraining = false;
        }

        protected override void Dispose(bool disposing)
        {
            lock (device._gate)
            {
                _isClosed = true;
                CancelAll();
                device._streams.Remove(this);
            }
        }

        private static void Complete(Launch launch, long now)
        {
            if (launch.CancelRequested)
            {
                launch.End(LaunchStatus.Cancelled, now);
            }
            else if (launch.Deadline != 0 && now > launch.Deadline)
            {
                launch.End(LaunchStatus.Late, now);
            }
            else
            {
                launch.Begin(now);
                launch.SpreadAt = now;
                launch.End(LaunchStatus.Completed, now);
            }
        }
    }
}
