namespace Atoll.Serving;

/// <summary>
/// Queries over models that are served in stages because no device can hold them: such a stage becomes the stages of
/// its model, so that its budget is divided among them and each has sessions of its own.
/// </summary>
internal static class StagedModels
{
    /// <summary>The query with every stage that runs one of these models replaced.</summary>
    /// <param name="spec">The query as it was written.</param>
    /// <param name="staged">Models in stages, a newer version after an older one.</param>
    /// <exception cref="ServingException">A stage's inputs, or a tensor that is taken from it, are not its model's.
    /// </exception>
    public static PipelineSpec Expand(PipelineSpec spec, IReadOnlyList<PipelineModel> staged)
    {
        var models = spec.Stages.Select(stage => (stage.Name, Model: Find(stage, staged)))
            .Where(pair => pair.Model is not null).ToDictionary(pair => pair.Name, pair => pair.Model!);
        return models.Count == 0 ? spec : spec with
        {
            Stages = [.. spec.Stages.SelectMany(stage => models.TryGetValue(stage.Name, out var model)
                ? Parts(spec, stage, model, models)
                : [Over(stage, spec, models)])],
            Outputs = [.. spec.Outputs.Select(output => Source(output, spec, models))],
            Staged = [.. spec.Stages.Where(stage => models.ContainsKey(stage.Name))],
        };
    }

    private static PipelineModel? Find(PipelineStage stage, IReadOnlyList<PipelineModel> staged) => staged
        .Where(model => model.Metadata.Name == stage.ModelName &&
            (stage.ModelVersion is null || stage.ModelVersion == model.Metadata.Version))
        .OrderBy(model => long.Parse(model.Metadata.Version))
        .LastOrDefault();

    private static IEnumerable<PipelineStage> Parts(
        PipelineSpec spec, PipelineStage stage, PipelineModel model, Dictionary<string, PipelineModel> models)
    {
        foreach (var given in stage.Inputs)
        {
            PipelineTensors.Find(model.Metadata.Inputs, given.Name, spec, stage);
        }

        foreach (var part in model.Spec.Stages)
        {
            var inner = part.Inputs.Select(input => input.Stage).OfType<string>()
                .Select(before => NameOf(stage, before)).ToHashSet();
            yield return new PipelineStage(NameOf(stage, part.Name), part.Model, [.. part.Inputs.Select(Input)])
            {
                // What comes after the first part follows it: where that is not run, they are not.
                When = inner.Count > 0 || stage.When is null ? null : Over(stage.When, spec, models),
                Gamma = stage.Gamma,
                Inner = inner,
            };
        }

        PipelineTensor Input(PipelineTensor input) => input.Stage is { } before
            ? input with { Stage = NameOf(stage, before) }
            : Source(stage.Inputs.FirstOrDefault(given => given.Name == input.Source) ?? throw PipelineTensors.Wrong(
                spec, $"stage '{stage.Name}': input '{input.Source}' of model '{stage.Model}' is missing"), spec,
                    models)
                with { Name = input.Name };
    }

    private static PipelineStage Over(
        PipelineStage stage, PipelineSpec spec, Dictionary<string, PipelineModel> models) => stage with
    {
        Inputs = [.. stage.Inputs.Select(input => Source(input, spec, models))],
        When = stage.When is null ? null : Over(stage.When, spec, models),
    };

    private static PipelineCondition Over(
        PipelineCondition when, PipelineSpec spec, Dictionary<string, PipelineModel> models) =>
        when with { Of = Source(when.Of, spec, models) };

    /// <summary>The tensor from the part of the model that makes it.</summary>
    private static PipelineTensor Source(
        PipelineTensor tensor, PipelineSpec spec, Dictionary<string, PipelineModel> models)
    {
        if (tensor.Crop is { } crop)
        {
            return Source(tensor with { Crop = null }, spec, models) with
            {
                Crop = crop with
                {
                    Boxes = Source(crop.Boxes, spec, models),
                    Scores = crop.Scores is null ? null : Source(crop.Scores, spec, models),
                },
            };
        }

        if (tensor.Stage is null || !models.TryGetValue(tensor.Stage, out var model))
        {
            return tensor;
        }

        var stage = spec.Stages.First(stage => stage.Name == tensor.Stage);
        PipelineTensors.Find(model.Metadata.Outputs, tensor.Source, spec, stage);
        var made = model.Spec.Outputs.First(output => output.Name == tensor.Source);
        return tensor with { Stage = NameOf(stage, made.Stage!), Source = made.Source };
    }

    private static string NameOf(PipelineStage stage, string part) => $"{stage.Name}/{part}";
}
