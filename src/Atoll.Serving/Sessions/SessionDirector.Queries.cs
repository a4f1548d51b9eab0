using Atoll.Devices;
using Atoll.Models;

namespace Atoll.Serving;

/// <summary>Queries, and models in stages, which are served like queries.</summary>
public sealed partial class SessionDirector
{
    /// <summary>Serves a query over models that are loaded already.</summary>
    /// <exception cref="ServingException">A model is missing, tensors do not fit, or the objective is too short.
    /// </exception>
    public async Task<IServedModel> LoadQueryAsync(PipelineSpec spec, CancellationToken cancellationToken) =>
        await LoadQueryAsync(spec, null, cancellationToken);

    /// <param name="metadata">What clients see; null: what follows from the stages.</param>
    private async Task<PipelineModel> LoadQueryAsync(
        PipelineSpec spec, ModelMetadata? metadata, CancellationToken cancellationToken)
    {
        PipelineModel query;
        lock (_lock)
        {
            spec = StagedModels.Expand(spec, [.. _queries.Where(other => other.Parts.Count > 0)]);
            query = new PipelineModel(this, spec, PipelineLoader.Open(
                spec, SessionPlanning.Newest(_models), _devices, Options), _clock, metadata);
            _queries.Add(query);
        }

        try
        {
            await PlanAsync("a query came", cancellationToken);
        }
        catch
        {
            await RemoveAsync(query);
            throw;
        }

        return query;
    }

    /// <summary>Serves the query no more.</summary>
    internal async ValueTask RemoveAsync(PipelineModel query)
    {
        lock (_lock)
        {
            _queries.Remove(query);
            foreach (var stage in query.Stages)
            {
                stage.Model.Close(stage.Session);
            }
        }

        await ReplanAsync("a query left");
        foreach (var stage in query.Stages)
        {
            stage.Session.Serve([]);
            stage.Session.Abandon($"query '{query.Spec.Name}' is unloaded");
        }
    }

    /// <summary>
    /// A model that no device can hold, in as few stages as fit the devices, one on each.
    /// </summary>
    /// <param name="refusal">Why no device can hold it.</param>
    private async Task<IServedModel> LoadStagedAsync(
        HostedModel whole, Graph graph, (ModelSource Source, ModelConfiguration Configuration) model,
        DeviceException refusal, CancellationToken cancellation)
    {
        var why = refusal.Message;
        var most = _devices.Count(device => SessionPlanning.MayRun(whole.Alone, device));
        var ways = Enumerable.Range(2, Math.Max(0, most - 1))
            .SelectMany(count => Enum.GetValues<StageBalance>().Select(balance => (count, balance)));
        foreach (var way in ways)
        {
            try
            {
                if (StagePlan.Of(graph, whole, model, way) is { } plan)
                {
                    return await LoadStagedAsync(plan, whole.Whole.Options, cancellation);
                }
            }
            catch (Exception e) when (e is DeviceException or ModelException or ServingException)
            {
                why += $"; in {way.count} stages of equal {way.balance}: {e.Message}";
            }
        }

        throw new DeviceException(refusal.Error, why);
    }

    private async Task<IServedModel> LoadStagedAsync(
        StagePlan plan, CompileOptions options, CancellationToken cancellation)
    {
        var parts = new List<IServedModel>();
        var used = 0;
        try
        {
            foreach (var (source, configuration, compiled) in plan.Stages)
            {
                var whole = new WholeModel(compiled, options, null);
                SessionChecks.Require(source, configuration, whole, _devices);
                used++;
                parts.Add(await HostAsync(
                    new HostedModel(source, configuration, whole, (_clock, _origin)), cancellation));
            }

            var query = await LoadQueryAsync(plan.Spec, plan.Metadata, cancellation);
            if (query.Stages.FirstOrDefault(stage => stage.Session.Seats.Count == 0) is { } lacking)
            {
                await query.DisposeAsync();
                throw new DeviceException(DeviceError.OutOfMemory,
                    $"stage '{lacking.Model.Name}' has no device: {lacking.Session.Shortage}");
            }

            query.Parts = parts;
            return query;
        }
        catch
        {
            foreach (var part in parts)
            {
                await part.DisposeAsync();
            }

            throw;
        }
        finally
        {
            plan.DisposeUnused(used);
        }
    }
}
