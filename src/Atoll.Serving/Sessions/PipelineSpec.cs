namespace Atoll.Serving;

/// <summary>
/// A query that is served like a model: stages that run models, fed by the query's inputs or by outputs of stages
/// before.
/// </summary>
public sealed record PipelineSpec
{
    public required string Name { get; init; }

    public required TimeSpan Objective { get; init; }

    /// <summary>Queries per second to plan for before any were counted.</summary>
    public double ExpectedRate { get; init; }

    public required IReadOnlyList<PipelineStage> Stages { get; init; }

    /// <summary>Where each output of the query comes from.</summary>
    public required IReadOnlyList<PipelineTensor> Outputs { get; init; }

    /// <summary>The stages as they were written whose models run in stages of their own.</summary>
    internal IReadOnlyList<PipelineStage> Staged { get; init; } = [];

    /// <summary>Some version of the model is run by a stage.</summary>
    internal bool Runs(string model) => Stages.Concat(Staged).Any(stage => stage.ModelName == model);

    /// <summary>A stage names this very version of the model.</summary>
    internal bool RunsVersion(string model, string version) =>
        Stages.Concat(Staged).Any(stage => stage.ModelName == model && stage.ModelVersion == version);
}

/// <summary>
/// One stage: a model (`NAME`, the newest version that is served in sessions, or `NAME/VERSION`), where its inputs come
/// from, and the condition under which it runs at all.
/// </summary>
public sealed record PipelineStage(string Name, string Model, IReadOnlyList<PipelineTensor> Inputs)
{
    public PipelineCondition? When { get; init; }

    internal string ModelName => Model.Split('/')[0];

    /// <summary>Null where any version will do.</summary>
    internal string? ModelVersion => Model.Split('/') is [_, var version] ? version : null;

    /// <summary>Mean number of rows that one query brings it: what a stage before it finds.</summary>
    public double Gamma { get; init; } = 1;

    /// <summary>Of the stages that it waits for, those of the same model: they bring it as many rows as they had.
    /// </summary>
    internal IReadOnlySet<string> Inner { get; init; } = new HashSet<string>();

    /// <summary>Names of the stages that it waits for.</summary>
    public IReadOnlySet<string> Before =>
        Inputs.SelectMany(input => input.Sources).Append(When?.Of).Select(tensor => tensor?.Stage).OfType<string>()
            .ToHashSet();
}

/// <summary>A named tensor and its source: an output of a stage, or where that is null an input of the query.</summary>
public sealed record PipelineTensor(string Name, string? Stage, string Source)
{
    /// <summary>The tensor is an image, and what boxes show of it is meant; null: all of it.</summary>
    public PipelineCrop? Crop { get; init; }

    /// <summary>All tensors that it is made of, itself first.</summary>
    internal IEnumerable<PipelineTensor> Sources =>
        Crop is null ? [this] : new[] { this, Crop.Boxes, Crop.Scores }.OfType<PipelineTensor>();
}

/// <summary>
/// Boxes of x1, y1, x2, y2 that cut crops out of images, each scaled to the size of the input that it is for: one row
/// for each.
/// </summary>
/// <param name="Boxes">[images, K, 4] or [K, 4].</param>
/// <param name="Scores">One for each box; null: all boxes are cut.</param>
/// <param name="AtLeast">Boxes of a lower score are left out.</param>
/// <param name="IsRelative">Corners are parts of the image's size, not pixels.</param>
public sealed record PipelineCrop(PipelineTensor Boxes, PipelineTensor? Scores, double AtLeast, bool IsRelative);

/// <summary>
/// The branch is taken where the element of a stage's output is at least so much; the probability is how often that is
/// expected.
/// </summary>
public sealed record PipelineCondition(PipelineTensor Of, int Index, double AtLeast, double Probability);
