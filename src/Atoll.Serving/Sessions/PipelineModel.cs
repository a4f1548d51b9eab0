using Atoll.Devices;

namespace Atoll.Serving;

/// <summary>
/// A query served as one model. Each stage is a session of its own with its part of the objective; time that a stage
/// does not use is left to those after it, and a stage that could only make the others late is given up.
/// </summary>
internal sealed class PipelineModel : IServedModel
{
    private const int AnyNumber = 1 << 20;

    private readonly SessionDirector _director;
    private readonly TimeProvider _clock;

    public PipelineModel(
        SessionDirector director, PipelineSpec spec, IReadOnlyList<StageSession> stages, TimeProvider clock,
        ModelMetadata? metadata = null)
    {
        (_director, Spec, Stages, _clock) = (director, spec, stages, clock);
        Metadata = metadata ?? PipelineTensors.Describe(spec, stages);
    }

    public PipelineSpec Spec { get; }

    /// <summary>Models that are served for this query alone, and go with it.</summary>
    public IReadOnlyList<IServedModel> Parts { get; set; } = [];

    /// <summary>In an order in which each stage comes after those that it waits for.</summary>
    public IReadOnlyList<StageSession> Stages { get; }

    public ModelMetadata Metadata { get; }

    /// <summary>A stage runs as real-time work, whatever class the request itself has.</summary>
    public bool HasRealTimeStage => Stages.Any(stage => stage.Session.Options.Class == WorkClass.RealTime);

    public SessionCounts Counts { get; } = new(1);

    public int Slots(WorkClass workClass) => AnyNumber;

    public void Expect() => Stages[0].Model.Expect();

    public async ValueTask<InferenceOutcome> InferAsync(InferenceRequest request, CancellationToken cancellationToken)
    {
        Counts.Arrive();
        var arrival = request.Arrival == 0 ? _clock.GetTimestamp() : request.Arrival;
        var deadline = request.Deadline != 0 ? request.Deadline : arrival + TicksOf(Spec.Objective);
        var run = new PipelineRun(this, request, (arrival, deadline));
        var outcome = await run.RunAsync(cancellationToken);
        if (outcome.Status is InferenceStatus.NotAdmitted or InferenceStatus.QueueFull)
        {
            Counts.Refuse();
        }
        else if (outcome.Status == InferenceStatus.Late)
        {
            Counts.Drop();
        }
        else
        {
            Counts.End(outcome.Status, _clock.GetTimestamp() <= deadline);
        }

        return outcome;
    }

    public async ValueTask DisposeAsync()
    {
        await _director.RemoveAsync(this);
        foreach (var part in Parts)
        {
            await part.DisposeAsync();
        }
    }

    /// <summary>A span in timestamps of the clock.</summary>
    internal long TicksOf(TimeSpan time) => (long)(time.TotalSeconds * _clock.TimestampFrequency);
}

/// <summary>
/// A stage with the session that runs it, its part of the objective, and the time that the stages after it are left.
/// </summary>
internal sealed record StageSession(PipelineStage Stage, HostedModel Model, LiveSession Session, TimeSpan Budget)
{
    public TimeSpan After { get; init; }

    /// <summary>What stages before it leave to it.</summary>
    public TimeSpan Need { get; init; }
}
