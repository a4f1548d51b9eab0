namespace Atoll.Serving;

/// <summary>
/// A model that fits no device's memory runs as a chain of stages on several devices: its sessions become one session
/// per stage, and the objective is divided among them like that of any other query.
/// </summary>
internal static class ModelPartitioning
{
    /// <summary>The request with such sessions replaced; every replacement is explained in the notes.</summary>
    /// <exception cref="ServingException">The objective is too short for the stages one after the other.</exception>
    public static PlanRequest Apply(PlanRequest request, out IReadOnlyList<string> notes)
    {
        var lines = new List<string>();
        notes = lines;
        if (request.Partitions.Count == 0)
        {
            return request;
        }

        var profiles = new ProfileTable(request.Profiles);
        var partitions = request.Partitions.ToDictionary(partition => partition.Model);
        var sessions = new List<SessionSpec>();
        foreach (var session in request.Sessions)
        {
            if (partitions.TryGetValue(session.Model, out var partition) && !FitsSomewhere(session, profiles, request))
            {
                sessions.AddRange(Stages(session, partition, profiles, request, lines));
            }
            else
            {
                sessions.Add(session);
            }
        }

        return request with { Sessions = sessions };
    }

    private static bool FitsSomewhere(SessionSpec session, ProfileTable profiles, PlanRequest request) =>
        request.Devices.Any(kind => profiles.Find(session.Model, kind.Name) is { } profile &&
            profile.Memory(profile.Fit(1)) <= MemoryLimit.Of(kind));

    private static IEnumerable<SessionSpec> Stages(
        SessionSpec session, ModelPartition partition, ProfileTable profiles, PlanRequest request, List<string> lines)
    {
        if (session.Pinned.Count > 0)
        {
            throw new ServingException(
                ServingError.InvalidPlan,
                $"session '{session.Name}' is pinned, but model '{session.Model}' needs several devices");
        }

        var builder = new QueryBuilder(session.Name, session.Objective, session.Rate);
        foreach (var (index, model) in partition.StageModels.Index())
        {
            builder.Stage(model, model);
            if (index > 0)
            {
                builder.Edge(partition.StageModels[index - 1], model);
            }
        }

        var split = QuerySplitter.Split(builder.Build(), profiles, request.Devices);
        lines.Add(
            $"{session.Name}: model '{session.Model}' is larger than any device's memory, so it runs as " +
            string.Join(" then ", split.Stages.Select(
                stage => $"{stage.Stage} in {PlanText.Ms(stage.Budget.TotalMilliseconds)}")));
        return split.ToSessions().Select(stage => stage with { Backups = session.Backups });
    }
}
