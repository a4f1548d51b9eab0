namespace Atoll.Serving.Tests;

/// <summary>
/// What a plan's devices do to constant-rate arrivals, request by request: streams are split as the planner assumes,
/// batches gather, devices run them by earliest deadline without preemption. Written without the planner's analysis.
/// A microsecond is allowed for the rounding of a plan's times to 100 ns.
/// </summary>
internal static class Timeline
{
    /// <summary>The largest latency of each session, divided by its objective.</summary>
    public static Dictionary<string, double> WorstOverObjective(ServingPlan plan, double horizonMs, Random random)
    {
        var batches = plan.Devices.ToDictionary(device => device.Device, _ => new List<Gathered>());
        var parts =
            from device in plan.Devices
            from session in device.Sessions
            where !session.IsBackup
            group (device.Device, session) by session.Session;
        foreach (var group in parts)
        {
            var total = group.Sum(part => part.session.Rate) / 1000;
            var phase = random.NextDouble() * 200;
            var arrivals = Enumerable.Range(0, (int)(horizonMs * total)).Select(k => phase + (k / total)).ToList();
            var ordered = group.OrderBy(p => p.session.Jitter).ThenByDescending(p => p.session.Rate).ToList();
            if (ordered.Exists(part => part.session.Run > 1))
            {
                DealRuns(ordered, arrivals, batches);
            }
            else
            {
                Deal(ordered, arrivals, batches);
            }
        }

        var worst = new Dictionary<string, double>();
        foreach (var released in batches.Values)
        {
            Run(released, worst);
        }

        return worst;
    }

    /// <summary>
    /// Equal parts take turns; otherwise the first group is split off evenly and the rest is dealt on.
    /// </summary>
    private static void Deal(
        List<(string Device, PlannedSession Session)> parts, List<double> arrivals, Dictionary<string,
            List<Gathered>> to)
    {
        while (parts.Count > 0)
        {
            var equal =
                parts.TakeWhile(part => Math.Abs(part.Session.Rate / parts[0].Session.Rate - 1) < 1e-9).ToList();
            parts = parts[equal.Count..];
            var share =
                equal.Sum(p => p.Session.Rate) / (equal.Sum(p => p.Session.Rate) + parts.Sum(p => p.Session.Rate));
            var mine = new List<double>();
            var rest = new List<double>();
            for (var k = 0; k < arrivals.Count; k++)
            {
                var taken = parts.Count == 0 || Math.Floor((k + 1) * share) > Math.Floor(k * share);
                (taken ? mine : rest).Add(arrivals[k]);
            }

            for (var i = 0; i < equal.Count; i++)
            {
                var own = mine.Where((_, k) => k % equal.Count == i).ToList();
                to[equal[i].Device].AddRange(equal[i].Session.Start is { } start
                    ? FromTable(equal[i].Session, own, start.TotalMilliseconds)
                    : own.Chunk(equal[i].Session.Batch).Where(chunk => chunk.Length == equal[i].Session.Batch)
                        .Select(chunk => new Gathered(equal[i].Session, chunk[0], chunk[^1])));
            }

            arrivals = rest;
        }
    }

    /// <summary>Equal devices take whole batches of consecutive requests in turn.</summary>
    private static void DealRuns(
        List<(string Device, PlannedSession Session)> parts, List<double> arrivals, Dictionary<string,
            List<Gathered>> to)
    {
        foreach (var (turn, run) in arrivals.Chunk(parts[0].Session.Run).Index())
        {
            var (device, session) = parts[turn % parts.Count];
            Assert.Equal(parts[0].Session.Run, session.Batch);
            Assert.Equal(parts[0].Session.Rate, session.Rate, 6);
            if (run.Length == session.Batch)
            {
                to[device].Add(new Gathered(session, run[0], run[^1]));
            }
        }
    }

    /// <summary>Every period the batch takes all that arrived since the start before; more must not arrive.</summary>
    private static IEnumerable<Gathered> FromTable(PlannedSession session, List<double> arrivals, double start)
    {
        var period = session.Period.TotalMilliseconds;
        foreach (var batch in arrivals.GroupBy(arrival => Math.Ceiling((arrival - start) / period)))
        {
            Assert.True(
                batch.Count() <= session.Batch, $"{session.Session}: {batch.Count()} in a batch of {session.Batch}");
            yield return new Gathered(session, batch.First(), start + (batch.Key * period));
        }
    }

    private static void Run(List<Gathered> released, Dictionary<string, double> worst)
    {
        var ready = new PriorityQueue<Gathered, double>();
        var now = 0.0;
        var next = 0;
        var ordered = released.OrderBy(batch => batch.Release).ToList();
        while (next < ordered.Count || ready.Count > 0)
        {
            if (ready.Count == 0)
            {
                now = Math.Max(now, ordered[next].Release);
            }

            while (next < ordered.Count && ordered[next].Release <= now)
            {
                ready.Enqueue(ordered[next], ordered[next].First + ordered[next].Session.Objective.TotalMilliseconds);
                next++;
            }

            var batch = ready.Dequeue();
            var name = batch.Session.Session;
            Assert.True(
                batch.Session.Start is null || now - batch.Release < 0.001,
                $"{name}: the table starts a batch {now - batch.Release} ms late");
            now += batch.Session.Execution.TotalMilliseconds;
            var over = (now - batch.First - 0.001) / batch.Session.Objective.TotalMilliseconds;
            worst[name] = Math.Max(over, worst.GetValueOrDefault(name));
            var promised = batch.Session.WorstLatency.TotalMilliseconds + 0.001;
            Assert.True(now - batch.First <= promised, $"{name} took {now - batch.First} ms, promised {promised}");
        }
    }

    private sealed record Gathered(PlannedSession Session, double First, double Release);
}
