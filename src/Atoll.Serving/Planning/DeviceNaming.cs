namespace Atoll.Serving;

/// <summary>
/// Equal devices can swap names: a plan from scratch gives each device the name of the one most like it.
/// </summary>
internal static class DeviceNaming
{
    public static void Match(DevicePool pool, IReadOnlyList<DeviceKind> kinds, ServingPlan previous)
    {
        foreach (var (kind, spec) in kinds.Index())
        {
            var held = previous.Devices.Where(device => device.Kind == spec.Name)
                .ToDictionary(device => device.Device, device => device.Sessions.Select(s => s.Session).ToHashSet());
            var names = Enumerable.Range(0, spec.Count).ToDictionary(spec.DeviceName, index => index);
            var devices = pool.Used.Where(device => device.KindIndex == kind).ToList();
            foreach (var device in devices.Where(device => device.Shares.Any(share => share.IsPinned)))
            {
                names.Remove(device.Name);
                held.Remove(device.Name);
            }

            devices.RemoveAll(device => device.Shares.Any(share => share.IsPinned));
            Rename(devices, held, names);
        }
    }

    private static void Rename(
        List<DeviceState> devices, Dictionary<string, HashSet<string>> held, Dictionary<string, int> names)
    {
        var pairs =
            from device in devices
            from old in held
            where names.ContainsKey(old.Key)
            let common = device.Shares.Count(share => old.Value.Contains(share.Load.Session.Name))
            where common > 0
            orderby common descending
            select (device, old.Key);
        var renamed = new HashSet<DeviceState>();
        foreach (var (device, name) in pairs.ToList())
        {
            if (!renamed.Contains(device) && names.Remove(name, out var index))
            {
                device.Index = index;
                renamed.Add(device);
            }
        }

        var free = new Queue<int>(names.Values.Order());
        foreach (var device in devices.Where(device => !renamed.Contains(device)))
        {
            device.Index = free.Dequeue();
        }
    }
}
