namespace Atoll.Serving;

/// <summary>
/// Atoll's own packing. Against one duty cycle per device: every session keeps its own period and devices run by
/// earliest deadline, so that one short objective does not make all others' batches small; dedicated devices run
/// the batch of highest throughput, not the largest; memory is a hard constraint; devices that can be emptied are.
/// </summary>
internal sealed class MultiRatePlanner
{
    private readonly PlanRequest _request;
    private readonly ProfileTable _profiles;
    private readonly DevicePool _pool;
    private readonly SharePlacement _placement;
    private readonly PlanBuilder _builder;

    private MultiRatePlanner(PlanRequest request, PackingVariant variant)
    {
        _request = request;
        _profiles = new ProfileTable(request.Profiles);
        _pool = new DevicePool(request);
        _placement = new SharePlacement(request, _profiles, _pool, variant);
        _builder = new PlanBuilder(PlanPolicy.Atoll, request);
    }

    public static ServingPlan Plan(PlanRequest request)
    {
        var whole = ModelPartitioning.Apply(request, out var notes);
        var fresh = FromScratch(whole, notes);
        if (request.Previous is not { Devices.Count: > 0 } previous)
        {
            return fresh;
        }

        var kept = new MultiRatePlanner(whole, PackingVariant.Default).FromPrevious(previous, notes);
        var limit = Math.Floor(fresh.Devices.Count * request.Options.ReplanSlack);
        return kept.Devices.Count <= Math.Max(limit, fresh.Devices.Count) &&
            kept.Unplaced.Sum(load => load.Rate) <= fresh.Unplaced.Sum(load => load.Rate) + 1e-6
            ? kept
            : fresh;
    }

    private static ServingPlan FromScratch(PlanRequest request, IReadOnlyList<string> notes)
    {
        MultiRatePlanner? best = null;
        var ways = 0;
        foreach (var variant in PackingVariant.For(request.Sessions.Count))
        {
            var planner = new MultiRatePlanner(request, variant);
            planner.Place(request.Sessions, (_, rate) => rate);
            new Consolidation(planner._placement, planner._pool, planner._builder).Run();
            best = best is null || planner.Rank.CompareTo(best.Rank) < 0 ? planner : best;
            ways++;
        }

        best!._builder.Explain($"planned from scratch: the best of {ways} ways to pack");
        if (request.Previous is { } previous)
        {
            DeviceNaming.Match(best._pool, request.Devices, previous);
        }

        return best.Report(notes);
    }

    /// <summary>Less is better: load without place, then devices, then what is used of them.</summary>
    private (double Unplaced, int Devices, double Used) Rank =>
        (Math.Round(_builder.UnplacedRate, 6), _pool.Used.Count, _pool.Used.Sum(device => device.Utilization));

    /// <summary>
    /// Few moves: load that fell leaves its least used devices first; what an overloaded device cannot keep in time
    /// is spilled, the cheapest sessions first; what grew or was spilled is placed; devices that can be emptied are.
    /// </summary>
    private ServingPlan FromPrevious(ServingPlan previous, IReadOnlyList<string> notes)
    {
        _builder.Explain("planned from the plan in force");
        Place(_request.Sessions.Where(session => session.Pinned.Count > 0), (_, rate) => rate);
        var restored = new PreviousPlan(_request, _placement, _pool, _builder);
        restored.Restore(previous);
        Place(_request.Sessions.Where(session => session.Pinned.Count == 0), restored.Grow);
        new Consolidation(_placement, _pool, _builder).Run();
        return Report(notes);
    }

    /// <summary>Places of each session what is left of its rate (requests per millisecond).</summary>
    private void Place(IEnumerable<SessionSpec> sessions, Func<SessionSpec, double, double> left)
    {
        var residues = new List<LoadShare>();
        foreach (var session in InOrderOfPreference(sessions))
        {
            var rate = session.Rate / 1000;
            if (left(session, rate) is var rest && rest > rate * 1e-9)
            {
                residues.AddRange(_placement.Saturate(new LoadShare(
                    session, rest, rate, rest < rate * (1 - 1e-9) ? 1 / rate : 0)));
            }

            // With several kinds of device a session that loses most takes its best kind before others do.
            if (_request.Devices.Count > 1)
            {
                PlaceAll(residues);
                residues.Clear();
            }
        }

        PlaceAll(residues);
    }

    private void PlaceAll(List<LoadShare> residues)
    {
        foreach (var share in _placement.InOrderOfSize(residues))
        {
            if (_placement.Place(share) is { } reason)
            {
                _builder.Refuse(share.Session, share.RatePerMs * 1000, reason);
            }
        }
    }

    private ServingPlan Report(IReadOnlyList<string> notes)
    {
        new BackupPlacement(_request, _placement, _pool, _builder).Run();
        foreach (var note in notes)
        {
            _builder.Explain(note);
        }

        foreach (var device in _pool.Used.Where(device => device.Shares.Count + device.Backups.Count > 0))
        {
            var plan = DeviceReport.Of(device);
            _builder.Add(device.KindIndex, device.Index, plan);
            foreach (var session in plan.Sessions)
            {
                _builder.Explain($"{device.Name}: {session.Session} batch {session.Batch}: {session.Why}");
            }
        }

        return _builder.Build(FluidBound.Of(_request.Sessions, _profiles, _request.Devices));
    }

    /// <summary>
    /// Pinned sessions first, then those that lose most when they do not get their best kind of device.
    /// </summary>
    private IEnumerable<SessionSpec> InOrderOfPreference(IEnumerable<SessionSpec> sessions) =>
        sessions.Where(session => session.Rate > 0)
            .OrderByDescending(session => session.Pinned.Count > 0)
            .ThenByDescending(_placement.Regret)
            .ThenByDescending(session => session.Rate);
}
