using Atoll.Devices;
using Atoll.Models;
using Microsoft.Extensions.Logging;

namespace Atoll.Serving;

/// <summary>
/// Keeps models that begin alike together while models come and go: the new group is loaded and measured beside what
/// serves, then takes over at the next plan, then what it replaces is taken away. What cannot be loaded changes
/// nothing: its models go on as they were. One change at a time, by the turn that <see cref="EnterAsync"/> gives.
/// </summary>
internal sealed partial class UnitGrouping(double leastShare, UnitPlacement placement, ILogger logger) : IDisposable
{
    private readonly PrefixGroups _groups = new(leastShare);
    private readonly SemaphoreSlim _turn = new(1);
    private readonly Lock _lock = new();
    private readonly SemaphoreSlim _retiring = new(1);
    private readonly List<HostedUnit> _retired = [];

    /// <summary>What was replaced and is not taken away yet.</summary>
    public IReadOnlyList<HostedUnit> Retired
    {
        get
        {
            lock (_lock)
            {
                return [.. _retired];
            }
        }
    }

    /// <summary>Waits for the turn to change groups; ends when disposed.</summary>
    public async Task<IDisposable> EnterAsync(CancellationToken cancellation)
    {
        await _turn.WaitAsync(cancellation);
        return new Turn(_turn);
    }

    /// <summary>
    /// What is to be known of a model so that it can join others; null where it cannot: its rows are not open, or parts
    /// of it are bodies of branches and loops.
    /// </summary>
    public PrefixCandidate? CandidateOf(Graph graph, CompiledModel compiled) =>
        _groups.IsOn && graph.Nodes.TrueForAll(node => node.CaptureCount == 0) &&
        BatchSizes.WhyNot(compiled.Inputs, compiled.Outputs) is null
            ? new PrefixCandidate(graph)
            : null;

    /// <summary>Gives each model the unit that it belongs to now; new units are loaded first.</summary>
    public async Task GroupAsync(IReadOnlyList<HostedModel> models, CancellationToken cancellation)
    {
        if (!_groups.IsOn)
        {
            return;
        }

        var newest = SessionPlanning.Newest(models);
        var formed = _groups.Form(newest, LogApart);
        try
        {
            foreach (var unit in formed)
            {
                if (unit.IsInService || await TryPlaceAsync(unit, cancellation))
                {
                    Adopt(unit, models);
                }
            }
        }
        catch
        {
            PrefixGroups.DropUnused(formed);
            throw;
        }

        // A group that is whole stays, also where one that was to replace it could not be made.
        var left = newest.Where(model => model.Unit.Shared is not null && !IsWhole(model.Unit, newest)).ToArray();
        foreach (var model in left)
        {
            if (await TryPlaceAsync(model.Alone, cancellation))
            {
                Adopt(model.Alone, models);
            }
        }
    }

    /// <summary>Takes away a model that is served no more, and what only it needed.</summary>
    public async Task LeaveAsync(HostedModel model, IReadOnlyList<HostedModel> others)
    {
        await placement.EvictAsync(model.Alone);
        model.Whole.Dispose();
        if (model.Unit.Shared is not null && others.All(other => other.Unit != model.Unit))
        {
            await TakeAwayAsync(model.Unit);
        }
    }

    /// <summary>
    /// Takes away what was replaced before a plan was made, now that the plan is in force; what serves again stays.
    /// </summary>
    /// <param name="replaced"><see cref="Retired"/> before the plan was made: it may count on what came since.</param>
    public async Task RetireAsync(IReadOnlyList<HostedUnit> replaced)
    {
        await _retiring.WaitAsync();
        try
        {
            foreach (var unit in replaced)
            {
                bool isRetired;
                lock (_lock)
                {
                    isRetired = _retired.Remove(unit);
                }

                if (isRetired)
                {
                    await TakeAwayAsync(unit);
                }
            }
        }
        finally
        {
            _retiring.Release();
        }
    }

    public void Dispose()
    {
        _turn.Dispose();
        _retiring.Dispose();
    }

    private static bool IsWhole(HostedUnit unit, IReadOnlyList<HostedModel> newest) =>
        unit.Members.All(model => model.Unit == unit && newest.Contains(model));

    /// <summary>The unit is to serve again: nobody takes it away any more when this ends.</summary>
    private async Task KeepAsync(HostedUnit unit)
    {
        await _retiring.WaitAsync();
        try
        {
            lock (_lock)
            {
                _retired.Remove(unit);
            }
        }
        finally
        {
            _retiring.Release();
        }
    }

    /// <summary>False when it cannot be loaded; then, and after any other fault, nothing of it is left.</summary>
    private async Task<bool> TryPlaceAsync(HostedUnit unit, CancellationToken cancellation)
    {
        await KeepAsync(unit);
        try
        {
            await placement.PlaceFirstAsync(unit, cancellation);
            return true;
        }
        catch (Exception e)
        {
            await TakeAwayAsync(unit);
            if (e is not (DeviceException or ModelException or ServingException))
            {
                throw;
            }

            LogApart(e.Message);
            if (unit.Shared is not null)
            {
                _groups.Refuse(unit.Members);
            }

            return false;
        }
    }

    private void Adopt(HostedUnit unit, IReadOnlyList<HostedModel> hosted)
    {
        HostedUnit[] before = [.. unit.Members.Select(model => model.Unit).Where(old => old != unit).Distinct()];
        unit.Earlier = null;
        foreach (var model in unit.Members)
        {
            model.Unit = unit;
        }

        if (before.Length > 0 && unit.Shared is { } shared && logger.IsEnabled(LogLevel.Information))
        {
            var models = string.Join(", ", unit.Members.Select(model => model.Name));
            var share = shared.Suffixes.Min(suffix => suffix.Share);
            LogGrouped(unit.Name, models, share);
        }

        lock (_lock)
        {
            _retired.AddRange(before.Where(old => hosted.All(model => model.Unit != old)));
        }
    }

    private async Task TakeAwayAsync(HostedUnit unit)
    {
        await placement.EvictAsync(unit);
        unit.Drop();
    }

    [LoggerMessage(EventId = 32, Level = LogLevel.Information,
        Message = "Models {Models} share {Name}, at least {Share:P0} of each, and run it together")]
    private partial void LogGrouped(string name, string models, double share);

    [LoggerMessage(EventId = 33, Level = LogLevel.Warning, Message = "Models that begin alike stay apart: {Reason}")]
    private partial void LogApart(string reason);

    private sealed class Turn(SemaphoreSlim turn) : IDisposable
    {
        public void Dispose() => turn.Release();
    }
}
