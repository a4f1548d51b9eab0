namespace Atoll.Serving;

/// <summary>Reads planning files (docs/design/planning.md); every error names file, line and key.</summary>
public static class PlanFileReader
{
    private const double MaxMs = 86_400_000;
    private const double MaxMegabytes = 1e9;

    /// <exception cref="ServingException">The file cannot be read, or something in it is wrong.</exception>
    public static PlanFile Read(string path) => Read(YamlSource.Read(path), Path.GetDirectoryName(path) ?? "");

    /// <summary>Reads a parsed file; profile files are looked for in the folder.</summary>
    public static PlanFile Read(YamlSource source, string folder)
    {
        ArgumentNullException.ThrowIfNull(source);
        source.Allow("devices", "profiles", "sessions", "queries", "options", "arrivals", "simulation");
        var devices = source.Get("devices").Items().Select(Device).ToList();
        if (devices.Count == 0)
        {
            throw source.Get("devices").Error("is empty");
        }

        Unique(source.Items("devices"), devices.Select(device => device.Name), "kind");
        var profiles = new ProfileReader(folder, [.. devices.Select(device => device.Name)]);
        profiles.Read(source.Items("profiles"));
        var sessions = source.Items("sessions").Select(item => Session(item, profiles, devices)).ToList();
        Unique(source.Items("sessions"), sessions.Select(session => session.Name), "name");
        var queries = source.Items("queries").Select(item => ReadQuery(item, profiles)).ToList();
        Unique(source.Items("queries"), queries.Select(query => query.Name), "name");
        return new PlanFile
        {
            Devices = devices,
            Profiles = profiles.Profiles,
            Partitions = profiles.Partitions,
            Sessions = sessions,
            Queries = queries,
            Options = Options(source.Find("options")),
            Source = source,
        };
    }

    private static DeviceKind Device(YamlSource item)
    {
        item.Allow("kind", "count", "memory_mb");
        return new DeviceKind(
            item.Text("kind"), item.Get("count").Whole(1, PlanRequestCheck.MaxDevices),
            (long)(item.Number("memory_mb", 0, MaxMegabytes, 0) * 1048576));
    }

    private static SessionSpec Session(YamlSource item, ProfileReader profiles, List<DeviceKind> devices)
    {
        item.Allow("name", "model", "objective_ms", "rate", "pinned", "backups", "arrivals");
        var model = item.Get("model");
        profiles.Require(model);
        var pinned = item.Find("pinned") switch
        {
            null => [],
            { IsList: true } list => list.Items(),
            var one => [one],
        };
        foreach (var name in pinned)
        {
            if (!devices.Exists(kind => Enumerable.Range(0, kind.Count).Any(i => kind.DeviceName(i) == name.Text())))
            {
                throw name.Error($"'{name.Text()}' is no device; devices are named KIND-NUMBER, such as " +
                    devices[0].DeviceName(0));
            }
        }

        return new SessionSpec(
            item.Text("name"), model.Text(), Objective(item), item.Number("rate", 0, 1e9))
        {
            Pinned = [.. pinned.Select(name => name.Text())],
            Backups = item.Whole("backups", 0, 1000, 0),
        };
    }

    private static TimeSpan Objective(YamlSource item) =>
        Durations.FromMilliseconds(item.Number("objective_ms", 0.001, MaxMs));

    private static Query ReadQuery(YamlSource item, ProfileReader profiles)
    {
        item.Allow("name", "objective_ms", "rate", "stages", "arrivals");
        var builder = new QueryBuilder(item.Text("name"), Objective(item), item.Number("rate", 0, 1e9));
        foreach (var stage in item.Get("stages").Items())
        {
            stage.Allow("name", "model", "join", "next");
            profiles.Require(stage.Get("model"));
            builder.Stage(stage.Text("name"), stage.Text("model"), Join(stage));
            foreach (var next in stage.Items("next"))
            {
                next.Allow("stage", "gamma", "probability", "crops");
                builder.Edge(
                    stage.Text("name"), next.Text("stage"), next.Number("gamma", 1e-9, 1e6, 1),
                    next.Number("probability", 1e-9, 1, 1), next.Find("crops")?.Text());
            }
        }

        try
        {
            return builder.Build();
        }
        catch (ServingException exception)
        {
            throw item.Get("stages").Error(exception.Message);
        }
    }

    private static StageJoin Join(YamlSource stage) => stage.Find("join") switch
    {
        null => StageJoin.All,
        var join => join.Text() switch
        {
            "all" => StageJoin.All,
            "any" => StageJoin.Any,
            var other => throw join.Error($"'{other}' is not all or any"),
        },
    };

    private static PlannerOptions Options(YamlSource? source)
    {
        var fallback = PlannerOptions.Default with { DealWholeBatches = true };
        if (source is null)
        {
            return fallback;
        }

        source.Allow("max_occupancy", "deal", "replan_slack", "network_ms");
        return new PlannerOptions
        {
            MaxOccupancy = source.Number("max_occupancy", 0.01, 1, fallback.MaxOccupancy),
            DealWholeBatches = source.Find("deal") is not { } deal || deal.Text() switch
            {
                "requests" => false,
                "batches" => true,
                var other => throw deal.Error($"'{other}' is not requests or batches"),
            },
            ReplanSlack = source.Number("replan_slack", 1, 100, fallback.ReplanSlack),
            NetworkAllowance = Durations.FromMilliseconds(
                source.Number("network_ms", 0, MaxMs, fallback.NetworkAllowance.TotalMilliseconds)),
        };
    }

    private static void Unique(IReadOnlyList<YamlSource> items, IEnumerable<string> names, string key)
    {
        var seen = new HashSet<string>(StringComparer.Ordinal);
        foreach (var (index, name) in names.Index())
        {
            if (!seen.Add(name))
            {
                throw items[index].Get(key).Error($"'{name}' is there twice");
            }
        }
    }
}
