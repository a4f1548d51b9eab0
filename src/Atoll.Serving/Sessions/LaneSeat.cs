using System.Globalization;

namespace Atoll.Serving;

/// <summary>
/// A session's place on a lane, or that of sessions that share batches: which replica runs it, in which batches, and
/// how much of the device it was promised. The promise is kept as credit that grows at the planned rate: a session
/// within its rate goes before one beyond it. Used by the lane's owner only, apart from what is fixed.
/// </summary>
internal sealed class LaneSeat(SessionGroup group, DeviceLane lane, Resident resident)
{
    private double _credit;
    private TimeSpan _creditAt;

    public SessionGroup Group => group;

    public DeviceLane Lane => lane;

    public Resident Resident => resident;

    public LiveProfile Profile => resident.Profile;

    /// <summary>Rows that one batch may have here.</summary>
    public int MaxRows => Math.Min(group.MaxRows, resident.Replica.Sizes[^1]);

    public required IBatchRule Rule { get; init; }

    /// <summary>Batch size that the plan gives, in rows.</summary>
    public required int Batch { get; init; }

    /// <summary>Rows per second that the plan promises here; 0 = no promise, takes what is left.</summary>
    public required double Rate { get; init; }

    /// <summary>Planned time from arrival to answer at worst; zero where there is no plan.</summary>
    public TimeSpan WorstLatency { get; init; }

    /// <summary>Why the plan placed it here.</summary>
    public string Why { get; init; } = "";

    /// <summary>Whether the session is within its promised rate and so goes first.</summary>
    public bool HasCredit(TimeSpan now, int waiting)
    {
        // Room for the bursts of Poisson arrivals: what is promised within one objective, but no less than two batches.
        var most = Math.Max(2.0 * Batch, Rate * (group.Objective ?? TimeSpan.Zero).TotalSeconds);
        _credit = Math.Min(most, _credit + (Rate * (now - _creditAt).TotalSeconds));
        _creditAt = now;
        return _credit >= Math.Min(waiting, Batch);
    }

    public void Spend(int rows) => _credit = Math.Max(0, _credit - rows);

    public static string WhyLate(LiveRequest live)
    {
        var waited = (live.Session.Now - live.Arrival).TotalMilliseconds;
        var objective = (live.Deadline - live.Arrival).TotalMilliseconds;
        return string.Create(CultureInfo.InvariantCulture,
            $"after {waited:0.#} ms in the queue of session '{live.Session.Name}' its batch could not end within the " +
            $"objective of {objective:0.#} ms");
    }
}
