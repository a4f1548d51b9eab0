namespace Atoll.Serving;

/// <summary>Where the first profile of a model on a device comes from.</summary>
internal static class SessionProfiles
{
    /// <summary>
    /// The profile of the group that this one replaces, or the file `NAME.profile` beside a model, where it covers
    /// every batch size that the replica has; else null.
    /// </summary>
    /// <exception cref="ServingException">The file is there and is no profile.</exception>
    public static BatchProfile? Read(HostedUnit unit, IReplica replica, string device)
    {
        if (unit.Earlier?.Profiles.GetValueOrDefault(device)?.ForPlanning is { } earlier &&
            earlier.Points.Select(point => point.Batch).SequenceEqual(replica.Sizes))
        {
            return new BatchProfile(
                unit.Name, device, [.. earlier.Points.Select(p => p with { MemoryBytes = replica.MemoryBytes })],
                earlier.Options);
        }

        if (unit.Members is not [var model])
        {
            return null;
        }

        var path = Path.ChangeExtension(unit.Source.Source.Path, ".profile");
        if (!File.Exists(path))
        {
            return null;
        }

        var file = BatchProfileFile.Read(path);
        if (file.MaxBatch < replica.Sizes[^1])
        {
            return null;
        }

        var points = replica.Sizes.Select(size => new ProfilePoint(
            size, file.Latency(size), TimeSpan.Zero, replica.MemoryBytes));
        return new BatchProfile(model.Name, device, [.. points], ProfileMeasurement.Options);
    }

    /// <summary>Runs every batch size of the replica on made-up inputs.</summary>
    public static Task<BatchProfile> MeasureAsync(
        HostedUnit unit, IReplica replica, string device, TimeProvider clock)
    {
        ReplicaBatch[] batches =
            [.. replica.Sizes.Select(size => MadeUpBatch.Of(unit, Mixed(unit, size)))];
        return ProfileMeasurement.RunAsync(replica, (unit.Name, device), batches, clock);
    }

    /// <summary>Requests of all models in turn: as many suffixes run as a batch of this size can need.</summary>
    private static (int Member, int Seed)[] Mixed(HostedUnit unit, int size)
    {
        var left = unit.Members.Select(model => Math.Max(1, model.Configuration.MaxBatchSize)).ToArray();
        var requests = new (int, int)[size];
        for (var (i, member) = (0, 0); i < size; member = (member + 1) % left.Length)
        {
            if (left[member]-- > 0)
            {
                requests[i] = (member, i++);
            }
        }

        return requests;
    }
}
