using Atoll.Models;

namespace Atoll.Serving;

/// <summary>One stage of a model, as a model of its own.</summary>
internal sealed record StagePart(ModelSource Source, ModelConfiguration Configuration, CompiledModel Compiled);

/// <summary>
/// How a model that no device can hold becomes a chain of stages, each for a device of its own. The stages are served
/// as a query, so that several requests are under way at once, each in another stage.
/// </summary>
internal sealed class StagePlan
{
    private StagePlan(IReadOnlyList<StagePart> stages, PipelineSpec spec, ModelMetadata metadata) =>
        (Stages, Spec, Metadata) = (stages, spec, metadata);

    public IReadOnlyList<StagePart> Stages { get; }

    public PipelineSpec Spec { get; }

    /// <summary>The whole model's.</summary>
    public ModelMetadata Metadata { get; }

    /// <summary>The model in so many stages; null where it cannot be cut.</summary>
    /// <exception cref="ModelException">A stage cannot be compiled.</exception>
    public static StagePlan? Of(
        Graph graph, HostedModel whole, (ModelSource Source, ModelConfiguration Configuration) model,
        (int Count, StageBalance Balance) cutting)
    {
        if (StageCut.Split(graph, cutting.Count, cutting.Balance) is not { } cut)
        {
            return null;
        }

        StagePart[] parts = [.. cut.Index().Select(stage => new StagePart(
            model.Source with { Name = $"{model.Source.Name}#{stage.Index + 1}" },
            model.Configuration with { ObjectiveMs = 0, ExpectedRate = 0, WhenLate = LateRequests.Drop,
                DeferBatches = false },
            ModelCompiler.Compile(stage.Item.Graph, whole.Whole.Options)))];
        return new StagePlan(parts, SpecOf(cut, parts, graph, model), whole.Metadata);
    }

    /// <summary>Frees the stages that nobody took over.</summary>
    public void DisposeUnused(int used)
    {
        foreach (var part in Stages.Skip(used))
        {
            part.Compiled.Dispose();
        }
    }

    private static PipelineSpec SpecOf(
        IReadOnlyList<GraphStage> cut, StagePart[] parts, Graph graph,
        (ModelSource Source, ModelConfiguration Configuration) model)
    {
        static string Name(int stage) => $"stage{stage + 1}";
        var objective = model.Configuration.ObjectiveMs;
        return new PipelineSpec
        {
            Name = model.Source.Name,
            Objective = objective > 0 ? TimeSpan.FromMilliseconds(objective) : LiveSessionOptions.Patience,
            ExpectedRate = model.Configuration.ExpectedRate,
            Stages = [.. cut.Index().Select(stage => new PipelineStage(
                Name(stage.Index), $"{parts[stage.Index].Source.Name}/{model.Source.Version}",
                [.. stage.Item.Graph.Inputs.Zip(stage.Item.Sources, (input, source) => new PipelineTensor(
                    input.Name, source is { } from ? Name(from) : null, input.Name))]))],
            Outputs = [.. graph.Outputs.Select(output => new PipelineTensor(
                output.Name,
                Name(cut.Index().First(stage => stage.Item.Graph.Outputs.Exists(own => own.Name == output.Name)).Index),
                output.Name))],
        };
    }
}
