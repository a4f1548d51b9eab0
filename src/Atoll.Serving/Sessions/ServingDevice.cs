using Atoll.Devices;

namespace Atoll.Serving;

/// <summary>
/// A backend with its two lanes and the models that are loaded on it. Loading and evicting are done one at a time; what
/// serves is not touched by them.
/// </summary>
internal sealed class ServingDevice : IAsyncDisposable
{
    private readonly Lock _lock = new();
    private readonly Dictionary<HostedUnit, Resident> _residents = [];
    private readonly DeviceLane[] _lanes;
    private readonly TimeProvider _clock;
    private readonly UseCount _uses = new();

    public ServingDevice(IBackend backend, TimeProvider clock, long origin)
    {
        Backend = backend;
        _clock = clock;
        _lanes = [.. Enum.GetValues<WorkClass>().Select(
            workClass => new DeviceLane(backend.Name, workClass, clock, origin) { Uses = _uses })];
    }

    public IBackend Backend { get; }

    public string Name => Backend.Name;

    /// <summary>Held by whoever loads or evicts.</summary>
    public SemaphoreSlim Loading { get; } = new(1);

    /// <summary>Models that were evicted to make room.</summary>
    public int Evictions { get; private set; }

    public long MemoryInUseBytes => Residents.Sum(pair => pair.Value.Replica.MemoryBytes);

    public IReadOnlyList<KeyValuePair<HostedUnit, Resident>> Residents
    {
        get
        {
            lock (_lock)
            {
                return [.. _residents];
            }
        }
    }

    public DeviceLane Lane(WorkClass workClass) => _lanes[(int)workClass];

    public Resident? Find(HostedUnit unit)
    {
        lock (_lock)
        {
            var found = _residents.GetValueOrDefault(unit);
            found?.Touch(_uses);
            return found;
        }
    }

    /// <summary>
    /// The model's replica here, loaded if need be; models that <paramref name="mayGo"/> names are evicted, least
    /// recently used first, while it does not fit.
    /// </summary>
    /// <exception cref="DeviceException">It does not fit, with everything gone that may go.</exception>
    public async Task<Resident> RequireAsync(
        HostedUnit unit, Func<HostedUnit, bool> mayGo, CancellationToken cancellation)
    {
        await Loading.WaitAsync(cancellation);
        try
        {
            if (Find(unit) is { } known)
            {
                return known;
            }

            var replica = await LoadAsync(unit, mayGo, cancellation);
            var resident = await MeasuredAsync(unit, replica);
            lock (_lock)
            {
                resident.Touch(_uses);
                _residents.Add(unit, resident);
            }

            return resident;
        }
        finally
        {
            Loading.Release();
        }
    }

    /// <summary>Takes a model away when nothing runs on it; false when something does, or it is not here.</summary>
    public async Task<bool> TryEvictAsync(HostedUnit unit)
    {
        Resident? resident;
        lock (_lock)
        {
            resident = _residents.GetValueOrDefault(unit);
            if (resident is null || !resident.TryLeave())
            {
                return false;
            }

            _residents.Remove(unit);
        }

        await resident.Replica.DisposeAsync();
        return true;
    }

    /// <summary>The model's replica here, without counting it as a use; null when it is not loaded.</summary>
    public Resident? Peek(HostedUnit unit)
    {
        lock (_lock)
        {
            return _residents.GetValueOrDefault(unit);
        }
    }

    public async ValueTask DisposeAsync()
    {
        foreach (var (unit, _) in Residents)
        {
            await TryEvictAsync(unit);
        }

        Array.ForEach(_lanes, lane => lane.Dispose());
        await Backend.DisposeAsync();
        Loading.Dispose();
    }

    private async Task<Resident> MeasuredAsync(HostedUnit unit, IReplica replica)
    {
        try
        {
            return new Resident(replica, await ProfileAsync(unit, replica));
        }
        catch
        {
            await replica.DisposeAsync();
            throw;
        }
    }

    private async Task<IReplica> LoadAsync(
        HostedUnit unit, Func<HostedUnit, bool> mayGo, CancellationToken cancellation)
    {
        while (true)
        {
            try
            {
                return await Backend.LoadAsync(unit.Source, cancellation);
            }
            catch (DeviceException e) when (e.Error is DeviceError.OutOfMemory or DeviceError.ClientBudgetExceeded)
            {
                // Nobody makes room for a model that would not fit an empty device either.
                if (unit.WeightBytes > Backend.MemoryBytes || !await EvictOneAsync(mayGo))
                {
                    throw;
                }
            }
        }
    }

    private async Task<bool> EvictOneAsync(Func<HostedUnit, bool> mayGo)
    {
        foreach (var (unit, _) in Residents.OrderBy(pair => pair.Value.LastUsed))
        {
            if (mayGo(unit) && await TryEvictAsync(unit))
            {
                Evictions++;
                return true;
            }
        }

        return false;
    }

    /// <summary>What is known of the model on this device; else its profile file; else a measurement.</summary>
    private async Task<LiveProfile> ProfileAsync(HostedUnit unit, IReplica replica)
    {
        if (unit.Profiles.TryGetValue(Name, out var known))
        {
            return known;
        }

        var profile = replica.Profile;
        if (profile is null)
        {
            await BatchCheck.RequireIndependentAsync(unit, replica);
            profile = SessionProfiles.Read(unit, replica, Name)
                ?? await SessionProfiles.MeasureAsync(unit, replica, Name, _clock);
        }

        unit.MemoryBytes = Math.Max(unit.MemoryBytes, replica.MemoryBytes);
        return unit.Profiles[Name] = new LiveProfile(profile, _clock);
    }
}
