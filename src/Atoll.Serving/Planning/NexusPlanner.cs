namespace Atoll.Serving;

/// <summary>
/// Squishy bin packing as published (Nexus, SOSP 2019): saturate devices with the largest batch that runs in half the
/// objective, then pack the residues best fit decreasing, two devices merging into the shorter of their duty cycles.
/// Kinds of device are used in the order given; what one kind cannot take goes on to the next.
/// </summary>
internal sealed class NexusPlanner(PlanRequest request)
{
    private const double Epsilon = 1e-3;

    private readonly PlanBuilder _builder = new(PlanPolicy.Nexus, request);
    private readonly ProfileTable _profiles = new(request.Profiles);

    public ServingPlan Plan()
    {
        var loads = request.Sessions.Where(s => s.Rate > 0)
            .Select(s => (Session: s, RatePerMs: s.Rate / 1000, Reason: NoProfile(s))).ToList();
        for (var kind = 0; kind < request.Devices.Count; kind++)
        {
            loads = PackKind(kind, loads);
        }

        foreach (var (session, rate, reason) in loads)
        {
            _builder.Refuse(session, rate * 1000, reason);
        }

        return _builder.Build(FluidBound.Of(request.Sessions, _profiles, request.Devices));
    }

    /// <summary>Batches that hold the requests of one cycle; a whole number of requests is not rounded up.</summary>
    internal static int BatchFor(BatchProfile profile, double requests) =>
        profile.Fit((int)Math.Ceiling(requests - Epsilon));

    /// <summary>
    /// The duty cycle of a residue alone: the largest batch whose gathering (batch / rate) and execution fit the
    /// objective. If even the smallest batch takes longer to gather, the cycle is what the objective leaves.
    /// </summary>
    /// <returns>Null when no batch can be in time.</returns>
    internal static DutyNode? Residue(SessionSpec session, BatchProfile profile, double ratePerMs, long memory)
    {
        var budget = profile.ExecutionBudget(session.Objective).TotalMilliseconds;
        var chosen = 0;
        foreach (var batch in profile.Batches)
        {
            if (profile.Latency(batch).TotalMilliseconds + (batch / ratePerMs) <= budget + 1e-9 &&
                profile.Memory(batch) <= memory)
            {
                chosen = batch;
            }
        }

        var smallest = profile.Batches[0];
        var batchToRun = chosen == 0 ? smallest : chosen;
        var execution = profile.Latency(batchToRun).TotalMilliseconds;
        var cycle = chosen == 0 ? budget - execution : batchToRun / ratePerMs;
        return cycle < execution || profile.Memory(batchToRun) > memory
            ? null
            : new DutyNode(
                cycle, [new DutyShare(session, profile, ratePerMs, batchToRun)],
                chosen == 0
                    ? $"too rare to gather a batch: cycle = objective - {PlanText.Ms(execution)}"
                    : $"largest batch with gathering and execution within {PlanText.Ms(budget)}");
    }

    /// <summary>Both on one device in the shorter cycle; null when they do not fit its time or memory.</summary>
    internal static DutyNode? Merge(DutyNode first, DutyNode second, long memory)
    {
        var cycle = Math.Min(first.CycleMs, second.CycleMs);
        var shares = new List<DutyShare>(first.Shares.Count + second.Shares.Count);
        var execution = 0.0;
        foreach (var share in first.Shares.Concat(second.Shares))
        {
            var batch = BatchFor(share.Profile, cycle * share.RatePerMs);
            execution += batch == 0 ? double.PositiveInfinity : share.Profile.Latency(batch).TotalMilliseconds;
            if (execution > cycle + 1e-9)
            {
                return null;
            }

            shares.Add(share with { Batch = batch });
        }

        var merged = new DutyNode(
            cycle, shares, $"merged into the shortest cycle of its sessions, {PlanText.Ms(cycle)}");
        return merged.MemoryBytes <= memory ? merged : null;
    }

    private string NoProfile(SessionSpec session) =>
        request.Devices.All(kind => _profiles.Find(session.Model, kind.Name) is null)
            ? $"model '{session.Model}' has no profile for any kind of device"
            : "no device is left";

    private List<(SessionSpec Session, double RatePerMs, string Reason)> PackKind(
        int kind, List<(SessionSpec Session, double RatePerMs, string Reason)> loads)
    {
        var left = new List<(SessionSpec Session, double RatePerMs, string Reason)>();
        var device = request.Devices[kind];
        var nodes = new List<DutyNode>();
        var residues = new List<DutyNode>();
        foreach (var load in loads)
        {
            if (_profiles.Find(load.Session.Model, device.Name) is not { } profile)
            {
                left.Add(load);
            }
            else if (Saturate(load.Session, profile, load.RatePerMs, device, nodes) is var residue &&
                residue > 1e-9 && Residue(load.Session, profile, residue, MemoryLimit.Of(device)) is { } node)
            {
                residues.Add(node);
            }
            else if (residue > 1e-9)
            {
                left.Add(load with { RatePerMs = residue, Reason = $"no batch is in time or fits on {device.Name}" });
            }
        }

        var saturated = nodes.Count;
        PackResidues(residues, nodes, saturated, MemoryLimit.Of(device));
        for (var i = 0; i < nodes.Count; i++)
        {
            if (i < device.Count)
            {
                Use(kind, i, nodes[i]);
            }
            else
            {
                left.AddRange(nodes[i].Shares.Select(s => (s.Session, s.RatePerMs, "no device is left")));
            }
        }

        return left;
    }

    private void Use(int kind, int index, DutyNode node)
    {
        var plan = node.ToPlan(request.Devices[kind], index);
        _builder.Add(kind, index, plan);
        _builder.Explain(
            $"{plan.Device}: {string.Join(" + ", node.Shares.Select(s => $"{s.Session.Name} batch {s.Batch}"))}: " +
            $"{node.Why}, occupancy {PlanText.Part(node.Occupancy)}");
    }

    /// <summary>Adds dedicated devices and returns the rate that is left over, in requests per millisecond.</summary>
    private static double Saturate(
        SessionSpec session, BatchProfile profile, double ratePerMs, DeviceKind device, List<DutyNode> nodes)
    {
        var half = profile.ExecutionBudget(session.Objective) / 2;
        var batch = profile.LargestBatch(half, MemoryLimit.Of(device));
        if (batch == 0)
        {
            return ratePerMs;
        }

        var latency = profile.Latency(batch).TotalMilliseconds;
        var throughput = batch / latency;
        var count = (int)Math.Floor((ratePerMs / throughput) + 1e-9);
        for (var i = 0; i < count; i++)
        {
            nodes.Add(new DutyNode(
                latency, [new DutyShare(session, profile, throughput, batch)],
                $"saturated: largest batch that runs in half of {PlanText.Ms(2 * half.TotalMilliseconds)}"));
        }

        return Math.Max(0, ratePerMs - (count * throughput));
    }

    private static void PackResidues(List<DutyNode> residues, List<DutyNode> nodes, int firstOpen, long memory)
    {
        foreach (var residue in residues.OrderByDescending(node => node.Occupancy))
        {
            var best = -1;
            DutyNode? bestNode = null;
            for (var i = firstOpen; i < nodes.Count; i++)
            {
                if (Merge(nodes[i], residue, memory) is { } merged && merged.Occupancy > (bestNode?.Occupancy ?? 0))
                {
                    (best, bestNode) = (i, merged);
                }
            }

            if (bestNode is null)
            {
                nodes.Add(residue);
            }
            else
            {
                nodes[best] = bestNode;
            }
        }
    }
}
