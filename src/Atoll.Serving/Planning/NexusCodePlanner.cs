namespace Atoll.Serving;

/// <summary>
/// What the released Nexus code does (uwsampl/nexus b436191), kept as a comparator with its weaknesses: online, session
/// by session, always the largest batch, memory never checked, one duty cycle per device.
/// </summary>
internal sealed class NexusCodePlanner(PlanRequest request)
{
    private readonly PlanBuilder _builder = new(PlanPolicy.NexusCode, request);
    private readonly ProfileTable _profiles = new(request.Profiles);
    private readonly List<Backend> _backends = [];

    public ServingPlan Plan()
    {
        foreach (var (kind, device) in request.Devices.Index())
        {
            _backends.AddRange(Enumerable.Range(0, device.Count).Select(index => new Backend(kind, index, device)));
        }

        foreach (var session in request.Sessions.Where(s => s.Rate > 0).OrderByDescending(s => s.Rate))
        {
            Place(session);
        }

        foreach (var backend in _backends.Where(backend => backend.Node is not null))
        {
            _builder.Add(backend.Kind, backend.Index, backend.Node!.ToPlan(backend.Device, backend.Index));
        }

        return _builder.Build(FluidBound.Of(request.Sessions, _profiles, request.Devices));
    }

    /// <summary>Batch and duty cycle of a session that brings this rate to a device; null = device too slow.</summary>
    internal static CodeInstance? Size(BatchProfile profile, TimeSpan objective, double rate, TimeSpan network)
    {
        var host = profile.Preprocessing + profile.Postprocessing;
        var largest = LargestOfRun(profile, (objective - network - host) / 2);
        var longest = profile.Latency(largest).TotalMilliseconds;
        var throughput = largest / longest * 1000;
        if (rate <= 0 || rate >= throughput)
        {
            return new CodeInstance(largest, longest, throughput, throughput);
        }

        var budget = (objective - host).TotalMilliseconds;
        var batch = 0;
        foreach (var size in profile.Batches)
        {
            if (size <= largest &&
                ((size - 1) / rate * 1000) + profile.Latency(size).TotalMilliseconds <= budget + 1e-9)
            {
                batch = size;
            }
        }

        if (batch == 0)
        {
            return null;
        }

        var duty = Math.Min(budget - profile.Latency(batch).TotalMilliseconds, batch / rate * 1000);
        return duty <= 0 ? null : new CodeInstance(batch, duty, batch / duty * 1000, rate);
    }

    /// <summary>
    /// The code counts up and stops at the first batch that is too slow, though a larger one may be faster.
    /// </summary>
    internal static int LargestOfRun(BatchProfile profile, TimeSpan budget)
    {
        var largest = profile.Fit(1);
        foreach (var batch in profile.Batches)
        {
            if (profile.Latency(batch) > budget)
            {
                break;
            }

            largest = batch;
        }

        return largest;
    }

    private void Place(SessionSpec session)
    {
        var rate = session.Rate;
        while (rate > 1e-6)
        {
            if (FindBest(session, rate) is not { } best)
            {
                _builder.Refuse(session, rate, "no device can take it in time");
                return;
            }

            best.Backend.Take(best.Node, best.Duty);
            var taken = Math.Min(rate, best.Throughput);
            rate -= taken;
            _builder.Explain(
                $"{session.Name}: {PlanText.Rate(taken)} on {best.Backend.Name}, " +
                $"occupancy {PlanText.Part(best.Node.Occupancy)}");
        }
    }

    /// <summary>
    /// A device with room for all of the rate that is then fullest, or else the one that takes most of it.
    /// </summary>
    private Offer? FindBest(SessionSpec session, double rate)
    {
        Offer? most = null;
        Offer? fullest = null;
        var emptyKinds = new HashSet<int>();
        foreach (var backend in _backends)
        {
            // Idle devices of one kind make the same offer: asking the first is asking all.
            if ((backend.Node is null && !emptyKinds.Add(backend.Kind)) ||
                Offered(backend, session, rate) is not { } offer)
            {
                continue;
            }

            most = most is null || offer.Throughput > most.Throughput ? offer : most;
            fullest = fullest is null || offer.Node.Occupancy > fullest.Node.Occupancy ? offer : fullest;
        }

        return most is null || most.Throughput < rate ? most : fullest;
    }

    private Offer? Offered(Backend backend, SessionSpec session, double rate)
    {
        if (backend.Node is { Occupancy: >= 1 } || backend.Holds(session.Name) ||
            _profiles.Find(session.Model, backend.Device.Name) is not { } profile ||
            Size(profile, session.Objective, rate, request.Options.NetworkAllowance) is not { } size)
        {
            return null;
        }

        var duty = Math.Min(backend.Duty, size.DutyMs);
        var shares = new List<DutyShare>();
        foreach (var share in (backend.Node?.Shares ?? []).Append(
            new DutyShare(session, profile, size.Workload / 1000, size.Batch)))
        {
            var batch = NexusPlanner.BatchFor(share.Profile, duty * share.RatePerMs);
            if (batch == 0)
            {
                return null;
            }

            shares.Add(share with { Batch = batch });
        }

        var node = new DutyNode(duty, shares, "largest batch; device of best fit");
        return node.Occupancy <= 1 + 1e-9 ? new Offer(backend, node, duty, size.Throughput) : null;
    }

    /// <summary>Batch, longest duty cycle in ms, and requests per second possible and planned.</summary>
    internal sealed record CodeInstance(int Batch, double DutyMs, double Throughput, double Workload);

    private sealed record Offer(Backend Backend, DutyNode Node, double Duty, double Throughput);

    private sealed class Backend(int kind, int index, DeviceKind device)
    {
        public int Kind { get; } = kind;

        public int Index { get; } = index;

        public DeviceKind Device { get; } = device;

        public string Name => Device.DeviceName(Index);

        public DutyNode? Node { get; private set; }

        public double Duty { get; private set; } = double.PositiveInfinity;

        public bool Holds(string session) => Node?.Shares.Any(share => share.Session.Name == session) ?? false;

        public void Take(DutyNode node, double duty) => (Node, Duty) = (node, duty);
    }
}
