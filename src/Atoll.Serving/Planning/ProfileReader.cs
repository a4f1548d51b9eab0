namespace Atoll.Serving;

/// <summary>
/// Reads the profiles of a planning file: points, a line, a profile file, or stages of a model cut up.
/// </summary>
internal sealed class ProfileReader(string folder, IReadOnlyList<string> kinds)
{
    private const double MaxMs = 86_400_000;
    private const double MaxMegabytes = 1e9;
    private const int LinearMaxBatch = 256;

    private readonly List<BatchProfile> _profiles = [];
    private readonly List<ModelPartition> _partitions = [];

    public IReadOnlyList<BatchProfile> Profiles => _profiles;

    public IReadOnlyList<ModelPartition> Partitions => _partitions;

    public void Read(IReadOnlyList<YamlSource> items)
    {
        foreach (var item in items)
        {
            var model = item.Text("model");
            if (item.Find("stages") is { } stages)
            {
                item.Allow("model", "stages");
                AddStages(item, model, stages);
            }
            else
            {
                Add(item, model);
            }
        }
    }

    /// <summary>Refuses a model that has no profile.</summary>
    public void Require(YamlSource model)
    {
        var name = model.Text();
        if (!_profiles.Exists(profile => profile.Model == name) &&
            !_partitions.Exists(partition => partition.Model == name))
        {
            throw model.Error($"'{name}' has no profile; models with one: " +
                string.Join(", ", _profiles.Select(profile => profile.Model).Distinct().Order()));
        }
    }

    private void AddStages(YamlSource item, string model, YamlSource stages)
    {
        var names = new List<string>();
        foreach (var stage in stages.Items())
        {
            var name = $"{model}:{stage.Text("name")}";
            if (names.Contains(name))
            {
                throw stage.Get("name").Error($"'{stage.Text("name")}' is there twice");
            }

            names.Add(name);
            Add(stage, name, "name");
        }

        if (names.Count == 0 || _partitions.Exists(partition => partition.Model == model))
        {
            throw item.Error(names.Count == 0 ? "has no stages" : $"'{model}' has stages twice");
        }

        _partitions.Add(new ModelPartition(model, names));
    }

    private void Add(YamlSource item, string model, string nameKey = "model")
    {
        item.Allow(
            nameKey, "device", "points", "linear", "file", "points_only", "margin", "preprocess_ms", "postprocess_ms",
            "weights_mb");
        var device = item.Text("device", ProfileTable.AnyKind);
        if (device != ProfileTable.AnyKind && !kinds.Contains(device))
        {
            throw item.Get("device").Error($"'{device}' is no kind of device; kinds are {string.Join(", ", kinds)}");
        }

        if (_profiles.Exists(profile => profile.Model == model && profile.Device == device))
        {
            throw item.Error($"is a second profile of '{model}' on '{device}'");
        }

        _profiles.Add(Profile(item, model, device));
    }

    private BatchProfile Profile(YamlSource item, string model, string device)
    {
        var options = new ProfileOptions
        {
            Margin = item.Number("margin", 0.01, 100, 1),
            PointsOnly = item.Flag("points_only"),
            Preprocessing = Ms(item, "preprocess_ms"),
            Postprocessing = Ms(item, "postprocess_ms"),
            WeightBytes = Megabytes(item, "weights_mb"),
        };
        try
        {
            return (item.Find("points"), item.Find("linear"), item.Find("file")) switch
            {
                ({ } points, null, null) => new BatchProfile(model, device, [.. points.Items().Select(Point)], options),
                (null, { } linear, null) => Linear(linear, model, device, options),
                (null, null, { } file) => FromFile(file, model, device, options),
                _ => throw item.Error("needs one of points, linear, file"),
            };
        }
        catch (ArgumentException exception)
        {
            throw item.Error(exception.Message);
        }
    }

    private static BatchProfile Linear(YamlSource linear, string model, string device, ProfileOptions options)
    {
        linear.Allow("alpha_ms", "beta_ms", "max_batch", "memory_per_item_mb");
        var profile = BatchProfile.Linear(
            model, device, linear.Number("alpha_ms", 0, MaxMs), linear.Number("beta_ms", 0, MaxMs),
            linear.Whole("max_batch", 1, BatchProfile.BatchLimit, LinearMaxBatch),
            new ProfileMemory(options.WeightBytes, Megabytes(linear, "memory_per_item_mb")));
        return new BatchProfile(model, device, profile.Points, options);
    }

    private BatchProfile FromFile(YamlSource file, string model, string device, ProfileOptions options)
    {
        var path = Path.Combine(folder, file.Text());
        try
        {
            var read = BatchProfileFile.Read(path, options);
            return new BatchProfile(model, device, read.Points, read.Options);
        }
        catch (ServingException exception)
        {
            throw file.Error(exception.Message);
        }
    }

    /// <summary>[batch, mean ms] with deviation ms and memory MiB if known.</summary>
    private static ProfilePoint Point(YamlSource point)
    {
        var cells = point.Items();
        return cells.Count is < 2 or > 4
            ? throw point.Error("is not [batch, ms], [batch, ms, deviation_ms] or [batch, ms, deviation_ms, memory_mb]")
            : new ProfilePoint(
                cells[0].Whole(1, BatchProfile.BatchLimit),
                Durations.FromMilliseconds(cells[1].Number(0.0001, MaxMs)),
                cells.Count > 2 ? Durations.FromMilliseconds(cells[2].Number(0, MaxMs)) : TimeSpan.Zero,
                cells.Count > 3 ? (long)(cells[3].Number(0, MaxMegabytes) * 1048576) : 0);
    }

    private static TimeSpan Ms(YamlSource item, string key) =>
        Durations.FromMilliseconds(item.Number(key, 0, MaxMs, 0));

    private static long Megabytes(YamlSource item, string key) =>
        (long)(item.Number(key, 0, MaxMegabytes, 0) * 1048576);
}
