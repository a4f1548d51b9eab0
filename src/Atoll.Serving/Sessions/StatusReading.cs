using Atoll.Devices;

namespace Atoll.Serving;

/// <summary>Reads a director's state while it serves.</summary>
internal static class StatusReading
{
    public static DirectorStatus Of(SessionDirector director) => new(
        [.. director.Models.SelectMany(model => model.Sessions.Select(session => (session, model)))
            .GroupBy(own => own.session.Name).Select(group => Of(group.Last().session, group.Last().model))],
        [.. director.Devices.Select(device => Of(device, director.Plan))],
        [.. director.Queries.GroupBy(query => query.Spec.Name).Select(group => Of(group.Last()))]);

    private static SessionStatus Of(LiveSession session, HostedModel model) => new()
    {
        Name = session.Name,
        Model = session.Options.Model,
        Class = session.Options.Class,
        Objective = session.Options.Objective,
        IsPlanned = session.Options.IsPlanned,
        ExpectedRate = session.ExpectedRate,
        Rate = session.SmoothedRate,
        Goodput = session.Goodput,
        Counts = CountStatus.Of(session.Counts),
        Depth = session.Depth,
        Batches = session.Counts.Batches,
        Seats = [.. session.Seats.Select(Of)],
        Shortage = session.Shortage,
        BatchLimit = model.Unit.BatchLimit,
        Prefix = model.Unit.Shared is null ? null : model.Unit.Name,
    };

    private static SeatStatus Of(LaneSeat seat)
    {
        var profile = seat.Profile.ForPlanning;
        return new SeatStatus(
            seat.Lane.Device, seat.Group.Name, seat.Batch, seat.Rate,
            profile.Latency(Math.Min(seat.Batch, profile.MaxBatch)), seat.WorstLatency, seat.Why);
    }

    private static DeviceStatus Of(ServingDevice device, ServingPlan plan)
    {
        var planned = plan.Devices.FirstOrDefault(own => own.Kind == device.Name);
        var lanes = Enum.GetValues<WorkClass>().Select(device.Lane).ToArray();
        return new DeviceStatus
        {
            Name = device.Name,
            MemoryBytes = device.Backend.MemoryBytes,
            MemoryInUseBytes = device.MemoryInUseBytes,
            Busy = lanes.Aggregate(TimeSpan.Zero, (sum, lane) => sum + lane.Busy),
            Evictions = device.Evictions,
            Occupancy = planned?.Occupancy ?? 0,
            Cycle = planned?.Cycle ?? TimeSpan.Zero,
            Seats = [.. lanes.SelectMany(lane => lane.Seats).Select(Of)],
            Profiles = [.. device.Residents.Select(pair => pair.Value.Profile.ForPlanning)],
        };
    }

    private static QueryStatus Of(PipelineModel query) => new(
        query.Spec.Name, query.Spec.Objective, CountStatus.Of(query.Counts),
        [.. query.Stages.Select(stage => new QueryStageStatus(
            stage.Stage.Name, stage.Model.Name, stage.Session.Name, stage.Budget, [.. stage.Stage.Before]))]);
}
