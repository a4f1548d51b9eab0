namespace Atoll.Serving;

/// <summary>Makes a served query of its description and the models that the director hosts.</summary>
internal static class PipelineLoader
{
    /// <summary>Splits the objective by what the models were measured to take, and opens a session per stage.</summary>
    /// <exception cref="ServingException">A model is not there, or the objective is too short; says which.</exception>
    public static IReadOnlyList<StageSession> Open(
        PipelineSpec spec, IReadOnlyList<HostedModel> models, IReadOnlyList<ServingDevice> devices,
        SessionDirectorOptions options)
    {
        var packing = new SessionPacking(models, devices, options);
        var query = QueryOf(spec);
        var split = QuerySplitter.Split(query, packing.Profiles, packing.Kinds);
        var stages = new List<StageSession>();
        try
        {
            foreach (var (budget, place) in split.Stages.Select((budget, place) => (budget, place)))
            {
                var stage = spec.Stages.First(stage => stage.Name == budget.Stage);
                var model = models.First(model => model.Name == stage.Model);
                var session = model.Open($"{spec.Name}/{stage.Name}", budget.Budget, query.Rates[place]);
                stages.Add(new StageSession(stage, model, session, budget.Budget));
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

    /// <summary>The longest time that stages after this one are given.</summary>
    private static TimeSpan After(PipelineStage stage, IReadOnlyList<StageSession> stages) => stages
        .Where(next => next.Stage.Before.Contains(stage.Name))
        .Select(next => next.Budget + After(next.Stage, stages))
        .DefaultIfEmpty(TimeSpan.Zero)
        .Max();

    private static Query QueryOf(PipelineSpec spec)
    {
        var query = new QueryBuilder(spec.Name, spec.Objective, Math.Max(PlannedLoad.LeastRate, spec.ExpectedRate));
        foreach (var stage in spec.Stages)
        {
            query.Stage(stage.Name, stage.Model);
            foreach (var before in stage.Before)
            {
                var isBranch = stage.When?.Of.Stage == before;
                query.Edge(before, stage.Name, stage.Gamma, isBranch ? stage.When!.Probability : 1);
            }
        }

        return query.Build();
    }
}
