namespace Atoll;

/// <summary>Settings of the device that computes.</summary>
internal static class DeviceSettings
{
    public static IReadOnlyList<Setting> All { get; } =
    [
        Setting.String(
            new("device.name", "",
                "The device that computes. `cpu` uses every CPU that the process may use, `cpu:N` N of " +
                "them.") { Flag = "--device" },
            DeviceName.Allowed, DeviceName.IsKnown, s => s.Device.Name, (s, v) => s.Device.Name = v),
        Setting.String(
            new("device.cores", "",
                "Several devices in place of device.name, each on cores of its own: `0,1` is two devices of one " +
                    "core, " +
                "`0-3,4-7` two of four. Models served in sessions are spread over them."),
            CoreSets.Allowed, CoreSets.IsAllowed, s => s.Device.Cores, (s, v) => s.Device.Cores = v),
        Setting.String(
            new("device.simulated", "",
                "Planning file whose devices stand in for the real ones in sessions: they take the time and memory " +
                "of its profiles, and answer zeros.") { Flag = "--simulated-devices" },
            "a file", path => path.Length == 0 || File.Exists(path), s => s.Device.Simulated,
            (s, v) => s.Device.Simulated = v),
        Setting.Choice(
            new("device.mode", "", "How real-time and best-effort work share the device.") { Flag = "--mode" },
            s => s.Device.Mode, (s, v) => s.Device.Mode = v),
        Setting.Choice(
            new("device.policy", "",
                "Order among streams of one class: by priority, by deadline with admission, or fair."),
            s => s.Device.Policy, (s, v) => s.Device.Policy = v),
        Setting.Number(
            new("device.memory", "GiB",
                "Most memory that all buffers of the device may hold; 0 is three quarters of the " +
                "memory that the process may use."),
            (0, 65536), s => s.Device.MemoryGib, (s, v) => s.Device.MemoryGib = v),
        Setting.Choice(
            new("device.scheduling", "",
                "How the device's threads rank among the machine's: auto takes what the process may use, and then " +
                "best-effort work ranks behind every other process; plain leaves all threads ordinary."),
            s => s.Device.Scheduling, (s, v) => s.Device.Scheduling = v),
        Setting.Number(
            new("device.spin", "us",
                "How long an idle compute unit spins before it sleeps. Longer answers sooner and " +
                "uses more CPU."),
            (0, 100_000), s => s.Device.SpinUs, (s, v) => s.Device.SpinUs = v),
        Setting.Number(
            new("device.starvation_limit", "ms", "Longest time that ready best-effort work may get no block while " +
                "real-time work saturates the device."),
            (1, 3_600_000), s => s.Device.StarvationLimitMs, (s, v) => s.Device.StarvationLimitMs = v),
        Setting.Number(
            new("device.padding_budget", "share", "Slowdown of real-time work beyond which padding pauses."),
            (0, 0.99), s => s.Device.PaddingBudget, (s, v) => s.Device.PaddingBudget = v),
    ];
}
