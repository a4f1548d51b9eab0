namespace Atoll.Serving;

/// <summary>The devices of a request while a plan is made: which are free, and the state of those in use.</summary>
internal sealed class DevicePool(PlanRequest request)
{
    private readonly SortedSet<int>[] _free =
        [.. request.Devices.Select(kind => new SortedSet<int>(Enumerable.Range(0, kind.Count)))];

    private readonly List<DeviceState> _used = [];

    public IReadOnlyList<DeviceState> Used => _used;

    public int FreeCount(int kind) => _free[kind].Count;

    /// <summary>Takes the first free device of a kind into use; null when none is free.</summary>
    public DeviceState? Open(int kind) => _free[kind].Count == 0 ? null : Open(kind, _free[kind].Min);

    /// <summary>Takes this device into use, or returns its state if it is in use already.</summary>
    public DeviceState Open(int kind, int index)
    {
        if (!_free[kind].Remove(index))
        {
            return _used.First(device => device.KindIndex == kind && device.Index == index);
        }

        var device = new DeviceState(request.Devices[kind], kind, index, request.Options.MaxOccupancy);
        _used.Add(device);
        return device;
    }

    /// <summary>The device of this name, taken into use if it was free; null when there is none.</summary>
    public DeviceState? Open(string name)
    {
        for (var kind = 0; kind < request.Devices.Count; kind++)
        {
            var prefix = request.Devices[kind].Name + "-";
            if (name.StartsWith(prefix, StringComparison.Ordinal) &&
                int.TryParse(name.AsSpan(prefix.Length), out var index) &&
                index >= 0 && index < request.Devices[kind].Count)
            {
                return Open(kind, index);
            }
        }

        return null;
    }

    public void Release(DeviceState device)
    {
        _used.Remove(device);
        _free[device.KindIndex].Add(device.Index);
    }
}
