namespace Atoll.Serving;

/// <summary>Makes a served query of its description and the models that the director hosts.</summary>
internal static class PipelineLoader
{
    private const int BatchesKept = 10;

    /// <summary>Splits the objective by what the models were measured to take, and opens a session per stage.</summary>
    /// <exception cref="ServingException">A model is not there, or the objective is too short; says which.</exception>
    public static IReadOnlyList<StageSession> Open(
        PipelineSpec spec, IReadOnlyList<HostedModel> models, IReadOnlyList<ServingDevice> devices,
        SessionDirectorOptions options)
    {
        HostedModel[] hosted = [.. spec.Stages.Select(stage => Find(spec, stage, models))];
        var packing = new SessionPacking(models, devices, options);
        var query = QueryOf(spec, hosted);
        var profiles = packing.Profiles;
        var split = QuerySplitter.Split(query, profiles, packing.Kinds);
        var stages = new List<StageSession>();
        try
        {
            foreach (var (budget, place) in split.Stages.Select((budget, place) => (budget, place)))
            {
                var (stage, model) = spec.Stages.Zip(hosted).First(pair => pair.First.Name == budget.Stage);
                var session = model.Open($"{spec.Name}/{stage.Name}", budget.Budget, query.Rates[place]);
                stages.Add(new StageSession(stage, model, session, budget.Budget)
                {
                    Need = NeedOf(budget, profiles, packing.Kinds),
                });
            }

            StageSession[] timed = [.. stages.Select(stage => stage with { After = After(stage.Stage, stages) })];
            PipelineTensors.Check(spec, timed);
            return timed;
        }
        catch
        {
            stages.ForEach(stage => stage.Model.Close(stage.Session));
            throw;
        }
    }

    /// <summary>
    /// What is kept for the stage while those before it run: its budget, but no more than several of its batches take.
    /// Where requests are rare, budgets are long because batches gather for long, and live devices wait for none.
    /// </summary>
    private static TimeSpan NeedOf(StageBudget stage, ProfileTable profiles, IReadOnlyList<DeviceKind> kinds)
    {
        var longest = kinds.Select(kind => profiles.Find(stage.Model, kind.Name))
            .OfType<BatchProfile>().Select(profile => profile.LatencyOf(stage.Batch)).DefaultIfEmpty().Max();
        return longest > TimeSpan.Zero && BatchesKept * longest < stage.Budget ? BatchesKept * longest : stage.Budget;
    }

    /// <summary>The longest time that stages after this one need.</summary>
    private static TimeSpan After(PipelineStage stage, IReadOnlyList<StageSession> stages) => stages
        .Where(next => next.Stage.Before.Contains(stage.Name))
        .Select(next => next.Need + After(next.Stage, stages))
        .DefaultIfEmpty(TimeSpan.Zero)
        .Max();

    private static HostedModel Find(PipelineSpec spec, PipelineStage stage, IReadOnlyList<HostedModel> models) => models
        .Where(model => model.Metadata.Name == stage.ModelName &&
            (stage.ModelVersion is null || stage.ModelVersion == model.Metadata.Version))
        .OrderBy(model => long.Parse(model.Metadata.Version))
        .LastOrDefault() ?? throw new ServingException(ServingError.InvalidPlan,
            $"query '{spec.Name}' depends on '{stage.Model}' (stage '{stage.Name}') which has no loaded version that " +
            "is served in sessions");

    private static Query QueryOf(PipelineSpec spec, HostedModel[] models)
    {
        var query = new QueryBuilder(spec.Name, spec.Objective, Math.Max(PlannedLoad.LeastRate, spec.ExpectedRate));
        foreach (var (stage, model) in spec.Stages.Zip(models))
        {
            query.Stage(stage.Name, model.Name);
            foreach (var before in stage.Before)
            {
                var isBranch = stage.When?.Of.Stage == before;
                query.Edge(
                    before, stage.Name, stage.Inner.Contains(before) ? 1 : stage.Gamma, isBranch
                        ? stage.When!.Probability : 1);
            }
        }

        return query.Build();
    }
}
