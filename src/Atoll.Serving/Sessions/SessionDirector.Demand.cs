using Atoll.Devices;
using Atoll.Models;

namespace Atoll.Serving;

/// <summary>Models that are loaded when they are asked for.</summary>
public sealed partial class SessionDirector
{
    // Runs by itself: it answers for its own faults.
    private void StartLoad(HostedModel model) => _ = LoadOnDemandAsync(model);

    /// <summary>
    /// A request waits for a model that is loaded nowhere: loads it where most memory is free, in place of idle models,
    /// or else on the next device.
    /// </summary>
    private async Task LoadOnDemandAsync(HostedModel model)
    {
        // Who comes while a load ends finds it under way and starts none: so it is looked once more after each.
        while (model.IsAwaited && model.TryBeginLoad())
        {
            try
            {
                await CompletionThreads.LeaveAsync();
                await LoadAwaitedAsync(model);
            }
            catch (Exception e) when (e is DeviceException or ModelException or ServingException)
            {
                foreach (var session in model.Sessions.Where(session => session.IsUnserved))
                {
                    session.Abandon($"model '{model.Name}' could not be loaded: {e.Message}");
                }

                LogPlanFailed(e.Message);
            }
            catch (OperationCanceledException) when (_stopping.IsCancellationRequested)
            {
                return;
            }
            finally
            {
                model.EndLoad();
            }
        }
    }

    private async Task LoadAwaitedAsync(HostedModel model)
    {
        await _planning.WaitAsync(_stopping.Token);
        try
        {
            if (!Models.Contains(model))
            {
                throw new ServingException(ServingError.ModelNotServable, $"model '{model.Name}' is unloaded");
            }

            var unit = model.Unit;
            Exception? refused = null;
            foreach (var device in _devices.Where(device => SessionPlanning.MayRun(unit, device))
                .OrderByDescending(device => device.Backend.MemoryBytes - device.MemoryInUseBytes).ToArray())
            {
                refused = await TryServeAsync(unit, device);
                if (!model.IsAwaited)
                {
                    return;
                }
            }

            throw refused ?? new ServingException(
                ServingError.ModelNotServable, $"no device may run '{unit.Name}' (setting devices of config.json)");
        }
        finally
        {
            _planning.Release();
        }
    }

    /// <summary>Loads the unit on the device and gives out the seats anew; why it may get none there.</summary>
    private async Task<Exception> TryServeAsync(HostedUnit unit, ServingDevice device)
    {
        try
        {
            await device.RequireAsync(unit, other => other.IsIdle, _stopping.Token);
            return new ServingException(ServingError.ModelNotServable,
                $"beside what is promised on '{device.Name}' its batches take too long");
        }
        catch (DeviceException e) when (e.Error is DeviceError.OutOfMemory or DeviceError.ClientBudgetExceeded)
        {
            return e;
        }
        finally
        {
            // Also where it failed: models that were evicted for it have no seats any more.
            _plans.PutInForce(_plans.Current, Models);
        }
    }
}
