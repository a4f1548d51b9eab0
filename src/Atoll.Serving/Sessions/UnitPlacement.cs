using Atoll.Devices;

namespace Atoll.Serving;

/// <summary>Loads units onto devices and takes them off.</summary>
/// <param name="planning">Held by whoever plans.</param>
internal sealed class UnitPlacement(IReadOnlyList<ServingDevice> devices, SemaphoreSlim planning)
{
    /// <summary>
    /// Loads and measures a new unit on every device that may run it. Idle units make room for it on one device, and
    /// only where it fits no other without that; no plan is made meanwhile, which could count on them. What it replaces
    /// serves until the next plan, so that goes last.
    /// </summary>
    /// <exception cref="DeviceException">It fits on none.</exception>
    public async Task PlaceFirstAsync(HostedUnit unit, CancellationToken cancellation)
    {
        var able = devices.Where(device => SessionPlanning.MayRun(unit, device)).ToArray();
        if (await PlaceAsync(unit, able, _ => false, cancellation) is null)
        {
            return;
        }

        await planning.WaitAsync(cancellation);
        try
        {
            if (await PlaceAsync(unit, able, other => other.IsIdle && !unit.TakesOverFrom(other), cancellation) is
                not null && await PlaceAsync(unit, able, other => other.IsIdle, cancellation) is { } refused)
            {
                throw refused;
            }
        }
        finally
        {
            planning.Release();
        }
    }

    /// <summary>Null when it is loaded on one device at least, else the last refusal.</summary>
    /// <param name="mayGo">What may be evicted for it on the first device where it fits.</param>
    private static async Task<DeviceException?> PlaceAsync(
        HostedUnit unit, IReadOnlyList<ServingDevice> able, Func<HostedUnit, bool> mayGo,
        CancellationToken cancellation)
    {
        DeviceException? refused = null;
        var isPlaced = false;
        foreach (var device in able)
        {
            try
            {
                await device.RequireAsync(unit, other => !isPlaced && mayGo(other), cancellation);
                isPlaced = true;
            }
            catch (DeviceException e) when (e.Error is DeviceError.OutOfMemory or DeviceError.ClientBudgetExceeded)
            {
                refused = e;
            }
        }

        return isPlaced ? null : refused;
    }

    /// <summary>Loads what the plan puts on each device; what it does not may go.</summary>
    public async Task LoadPlannedAsync(
        IReadOnlyList<HostedModel> models, ServingPlan plan, CancellationToken cancellation)
    {
        foreach (var device in devices)
        {
            var planned = SessionPlanning.UnitsOn(device, plan, models);
            foreach (var unit in planned)
            {
                await device.RequireAsync(unit, other => !planned.Contains(other), cancellation);
            }
        }
    }

    /// <summary>Takes the unit off all devices, waiting for batches that run.</summary>
    public async Task EvictAsync(HostedUnit unit)
    {
        foreach (var device in devices)
        {
            while (device.Peek(unit) is { } resident && !await device.TryEvictAsync(unit))
            {
                await resident.FreedAsync();
            }
        }
    }
}
