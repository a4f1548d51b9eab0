using System.Collections.Concurrent;
using System.Globalization;
using Atoll.Devices;

namespace Atoll.Serving;

/// <summary>
/// What devices load, measure and evict as one: a model by itself, or several that share a prefix. Its members never
/// change; models that come or go get a new one.
/// </summary>
internal sealed class HostedUnit(
    string name, IReadOnlyList<HostedModel> members, ModelConfiguration configuration, UnitPrograms programs)
{
    /// <summary>Sessions of a group share batches while no objective is longer than the shortest by more.</summary>
    private const double ObjectiveSpan = 2;

    /// <summary>In plans and on devices.</summary>
    public string Name => name;

    public IReadOnlyList<HostedModel> Members => members;

    /// <summary>Class, priority, devices and largest batch.</summary>
    public ModelConfiguration Configuration => configuration;

    /// <summary>What the models share; null for a model by itself.</summary>
    public PrefixPrograms? Shared => programs.Shared;

    /// <summary>Profile per device that it was measured on, kept also while it is not loaded there.</summary>
    public ConcurrentDictionary<string, LiveProfile> Profiles { get; } = [];

    /// <summary>
    /// The unit with the same prefix that this one replaces: its profile holds until batches have corrected it.
    /// </summary>
    public HostedUnit? Earlier { get; set; }

    /// <summary>Bytes that it takes on a device.</summary>
    public long MemoryBytes { get; set; }

    /// <summary>Why larger batches were not prepared where it was loaded last; null when all were.</summary>
    public string? BatchLimit { get; private set; }

    /// <summary>Bytes of all weights, before packing.</summary>
    public long WeightBytes => Shared is null
        ? members[0].Whole.WeightBytes
        : Shared.Prefix.WeightBytes + Shared.Suffixes.Sum(suffix => suffix.Program?.WeightBytes ?? 0);

    /// <summary>What a backend loads; compiled now if need be.</summary>
    public ReplicaSource Source => programs.Source(configuration) with { OnLimited = why => BatchLimit = why };

    /// <summary>Whether it serves a model that is not being taken away.</summary>
    public bool IsInService => members.Any(model => model.Unit == this && !model.HasLeft);

    /// <summary>The other unit serves models of this one, or versions before them, until this one does.</summary>
    public bool TakesOverFrom(HostedUnit other) => other != this && members.Any(model =>
        other.Members.Any(served => served.Metadata.Name == model.Metadata.Name));

    /// <summary>No request of it waits.</summary>
    public bool IsIdle => members.All(model => model.IsIdle);

    /// <summary>
    /// Whether requests were given up since the last call and not one batch ran: then the profile may be what is wrong.
    /// </summary>
    public bool IsStarved() => members.Select(model => model.IsStarved()).ToArray() is var starved &&
        starved.Contains(true) && members.All(model => model.RanNothing);

    /// <summary>Frees its programs; no device may hold it.</summary>
    public void Drop() => programs.Drop();

    /// <summary>
    /// The sessions that this unit serves now, put together where they may share batches: those of one class that are
    /// planned for and whose objectives are near, and those that are not planned for.
    /// </summary>
    public IReadOnlyList<SessionGroup> Groups()
    {
        var sessions = members.Index().Where(member => member.Item.Unit == this && !member.Item.HasLeft)
            .SelectMany(member => member.Item.Sessions.Select(session => (Session: session, Member: member.Index)));
        return Shared is null
            ? [.. sessions.Select(own => new SessionGroup(own.Session.Name, name, [own]))]
            : [.. sessions.GroupBy(own => own.Session.Options.Class).SelectMany(own => Shares(own.Key, [.. own]))];
    }

    private IEnumerable<SessionGroup> Shares(WorkClass workClass, (LiveSession Session, int Member)[] sessions)
    {
        var planned = sessions.Where(own => own.Session.Options.IsPlanned)
            .OrderBy(own => own.Session.Options.Objective).ToArray();
        for (var first = 0; first < planned.Length;)
        {
            var shortest = planned[first].Session.Options.Objective!.Value;
            var near = planned[first..].TakeWhile(own => own.Session.Options.Objective <= shortest * ObjectiveSpan);
            (LiveSession, int)[] together = [.. near];
            first += together.Length;
            yield return new SessionGroup(
                string.Create(CultureInfo.InvariantCulture, $"{name}/{shortest.TotalMilliseconds:0.###}ms"),
                name, together);
        }

        (LiveSession, int)[] rest = [.. sessions.Where(own => !own.Session.Options.IsPlanned)];
        if (rest.Length > 0)
        {
            yield return new SessionGroup($"{name}:{MetricsPage.NameOf(workClass)}", name, rest);
        }
    }
}
