using Atoll.Models;

namespace Atoll.Serving;

/// <summary>Checks that the tensors of a query fit each other, and derives the query's own.</summary>
internal static class PipelineTensors
{
    /// <summary>Name, inputs and outputs of the query as a client sees it.</summary>
    public static ModelMetadata Describe(PipelineSpec spec, IReadOnlyList<StageSession> stages)
    {
        var inputs = new Dictionary<string, TensorMetadata>();
        foreach (var stage in stages)
        {
            foreach (var input in stage.Stage.Inputs.Where(input => input is { Stage: null, Crop: null }))
            {
                var tensor = Find(stage.Model.Metadata.Inputs, input.Name, spec, stage.Stage);
                if (inputs.TryGetValue(input.Source, out var known) && !Fits(known, tensor))
                {
                    throw Wrong(spec, $"input '{input.Source}' is {Show(known)} for one stage and {Show(tensor)} for " +
                        $"stage '{stage.Stage.Name}'");
                }

                inputs[input.Source] = tensor with { Name = input.Source };
            }
        }

        foreach (var (stage, input) in stages.SelectMany(stage =>
            stage.Stage.Inputs.Where(input => input.Crop is not null).Select(input => (stage, input))))
        {
            // What no stage takes whole may be of any size.
            var wanted = Find(stage.Model.Metadata.Inputs, input.Name, spec, stage.Stage);
            Know(input, wanted.Shape is [_, var channels, ..] ? [-1, channels, -1, -1] : [-1, -1, -1, -1]);
            Know(input.Crop!.Boxes, [-1, 4]);
            Know(input.Crop.Scores, [-1]);
        }

        void Know(PipelineTensor? tensor, long[] shape)
        {
            if (tensor is { Stage: null })
            {
                inputs.TryAdd(tensor.Source, new TensorMetadata(tensor.Source, ElementType.Float32, shape));
            }
        }

        return new ModelMetadata
        {
            Name = spec.Name,
            Platform = "atoll_query",
            Inputs = [.. inputs.Values],
            Outputs = [.. spec.Outputs.Select(output => Output(spec, stages, output) with { Name = output.Name })],
        };
    }

    /// <summary>Every stage's inputs are all given, by tensors of their type and shape.</summary>
    /// <exception cref="ServingException">Something does not fit.</exception>
    public static void Check(PipelineSpec spec, IReadOnlyList<StageSession> stages)
    {
        foreach (var stage in stages)
        {
            foreach (var wanted in stage.Model.Metadata.Inputs)
            {
                var given = stage.Stage.Inputs.FirstOrDefault(input => input.Name == wanted.Name) ?? throw Wrong(
                    spec, $"stage '{stage.Stage.Name}': input '{wanted.Name}' of model '{stage.Model.Name}' is " +
                        $"missing");
                if (given.Crop is not null)
                {
                    CheckCrop(spec, stages, (stage, given), wanted);
                }
                else if (given.Stage is not null && Output(spec, stages, given) is var source && !Fits(source, wanted))
                {
                    throw Wrong(
                        spec, $"stage '{stage.Stage.Name}': '{given.Stage}.{given.Source}' is {Show(source)}, " +
                        $"and input '{wanted.Name}' needs {Show(wanted)}");
                }
            }

            foreach (var given in stage.Stage.Inputs)
            {
                Find(stage.Model.Metadata.Inputs, given.Name, spec, stage.Stage);
            }

            if (stage.Stage.When is { } when)
            {
                Output(spec, stages, when.Of);
            }
        }

        foreach (var output in spec.Outputs)
        {
            if (Output(spec, stages, output).Shape.Length == 0 && IsBranch(output.Stage!, stages))
            {
                throw Wrong(spec, $"output '{output.Name}' is a single value, which cannot say that its stage " +
                    $"'{output.Stage}' was not run; an output of a branch (when) needs a dimension");
            }
        }
    }

    /// <summary>The stage or one that it waits for is run under a condition.</summary>
    private static bool IsBranch(string name, IReadOnlyList<StageSession> stages) =>
        stages.First(stage => stage.Stage.Name == name).Stage is var stage &&
        (stage.When is not null || stage.Before.Any(before => IsBranch(before, stages)));

    /// <summary>Images, boxes and scores of floats, and an input with room for crops of one size.</summary>
    private static void CheckCrop(
        PipelineSpec spec, IReadOnlyList<StageSession> stages, (StageSession Stage, PipelineTensor Given) crop,
        TensorMetadata wanted)
    {
        var (stage, given) = crop;
        var image = given.Stage is not null ? Output(spec, stages, given) : QueryInput(spec, stages, given.Source);
        if (image is not { Type: ElementType.Float32, Shape: [_, var channels, _, _] } ||
            wanted is not { Type: ElementType.Float32, Shape: [< 0, var own, > 0, > 0] } ||
            (channels != own && channels >= 0))
        {
            throw Wrong(
                spec, $"stage '{stage.Stage.Name}': crops are cut of images FP32[-1,C,height,width] for inputs " +
                $"FP32[-1,C,H,W]; '{given.Source}' is {Show(image)}, and input '{wanted.Name}' is {Show(wanted)}");
        }

        foreach (var tensor in given.Sources.Skip(1))
        {
            var found = tensor.Stage is not null ? Output(spec, stages, tensor)
                : QueryInput(spec, stages, tensor.Source);
            if (found.Type != ElementType.Float32 ||
                (tensor == given.Crop!.Boxes && found.Shape is not [.., < 0 or 4]))
            {
                throw Wrong(spec, $"stage '{stage.Stage.Name}': boxes must be FP32[...,4] and scores FP32; " +
                    $"'{tensor.Source}' is {Show(found)}");
            }
        }
    }

    /// <summary>What an input of the query is.</summary>
    private static TensorMetadata QueryInput(PipelineSpec spec, IReadOnlyList<StageSession> stages, string name) =>
        Array.Find(Describe(spec, stages).Inputs, input => input.Name == name)!;

    private static TensorMetadata Output(PipelineSpec spec, IReadOnlyList<StageSession> stages, PipelineTensor tensor)
    {
        var stage = stages.FirstOrDefault(stage => stage.Stage.Name == tensor.Stage)
            ?? throw Wrong(
                spec, $"'{tensor.Name}' is to come from '{tensor.Stage}.{tensor.Source}', which is no stage");
        return Find(stage.Model.Metadata.Outputs, tensor.Source, spec, stage.Stage);
    }

    public static TensorMetadata Find(
        TensorMetadata[] tensors, string name, PipelineSpec spec, PipelineStage stage) =>
        Array.Find(tensors, tensor => tensor.Name == name) ?? throw Wrong(
            spec, $"stage '{stage.Name}': model '{stage.Model}' has no '{name}'; it has " +
            string.Join(", ", tensors.Select(tensor => $"'{tensor.Name}'")));

    private static bool Fits(TensorMetadata given, TensorMetadata wanted) =>
        given.Type == wanted.Type && given.Shape.Length == wanted.Shape.Length &&
        given.Shape.Zip(wanted.Shape).All(pair =>
            pair.First == pair.Second || pair.First < 0 || pair.Second < 0);

    private static string Show(TensorMetadata tensor) => $"{tensor.Type}[{string.Join(',', tensor.Shape)}]";

    public static ServingException Wrong(PipelineSpec spec, string what) =>
        new(ServingError.InvalidPlan, $"query '{spec.Name}': {what}");
}
