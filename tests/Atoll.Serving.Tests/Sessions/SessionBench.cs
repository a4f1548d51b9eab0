using Atoll.Devices;

namespace Atoll.Serving.Tests;

/// <summary>One session on lanes of fake devices, with a clock that moves only when told.</summary>
internal sealed class SessionBench : IDisposable
{
    private readonly List<DeviceLane> _lanes = [];

    public SessionBench(LiveSessionOptions? options = null)
    {
        Session = new LiveSession(options ?? Options(), Clock, Clock.GetTimestamp());
    }

    public ManualClock Clock { get; } = new();

    public LiveSession Session { get; }

    public static LiveSessionOptions Options(double objectiveMs = 100) => new()
    {
        Name = "m", Model = "m", Class = WorkClass.RealTime, IsBatched = true, MaxBatch = 8, MaxRows = 8,
        QueueCapacity = 16,
        Objective = TimeSpan.FromMilliseconds(objectiveMs),
    };

    /// <summary>A profile of 2 ms and 1 ms for each row.</summary>
    public static BatchProfile Profile { get; } = new(
        "m", "fake", [.. new[] { 1, 2, 4, 8 }.Select(
            size => new ProfilePoint(size, TimeSpan.FromMilliseconds(2 + size), TimeSpan.Zero, 100))],
        ProfileMeasurement.Options);

    /// <summary>Puts the session on one more device.</summary>
    public FakeReplica AddDevice(bool gated = true, int batch = 4)
    {
        var replica = new FakeReplica { Gated = gated };
        AddDevice(replica, batch);
        return replica;
    }

    /// <summary>The same, of a device that is no fake.</summary>
    public void AddDevice(IReplica replica, int batch = 4)
    {
        var lane = new DeviceLane($"fake:{_lanes.Count}", WorkClass.RealTime, Clock, Clock.GetTimestamp());
        _lanes.Add(lane);
        var seat = Seat(Session, lane, replica, batch);
        lane.Serve([seat]);
        Session.Serve([.. Session.Seats, seat]);
    }

    public LaneSeat Seat(LiveSession session, DeviceLane lane, IReplica replica, int batch) =>
        new(SessionGroup.Of(session), lane, new Resident(replica, new LiveProfile(Profile, Clock)))
        {
            Rule = new EarlyDropRule(batch), Batch = batch, Rate = 0,
        };

    public Task<InferenceOutcome> InferAsync(byte value, int rows = 1, long deadline = 0) =>
        Session.InferAsync(Request(value, rows, deadline), CancellationToken.None).AsTask();

    /// <summary>A request of a client that leaves when the token says so.</summary>
    public Task<InferenceOutcome> LeavingAsync(byte value, CancellationToken leaving) =>
        Session.InferAsync(Request(value), leaving).AsTask();

    public static InferenceRequest Request(byte value, int rows = 1, long deadline = 0)
    {
        var data = new byte[rows];
        Array.Fill(data, value);
        var request = new InferenceRequest { Inputs = [new InputTensor([rows, 1], data)], Deadline = deadline };
        request.Class = WorkClass.RealTime;
        request.Outputs.Add(new OutputRequest(0, Binary: true));
        return request;
    }

    public static byte[] Take(InferenceOutcome outcome)
    {
        Assert.Equal(InferenceStatus.Completed, outcome.Status);
        using var outputs = outcome.Outputs!;
        return outputs.Data(0).ToArray();
    }

    public void Dispose()
    {
        _lanes.ForEach(lane => lane.Dispose());
        Clock.Dispose();
    }
}
