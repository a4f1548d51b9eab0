namespace Atoll.Serving;

/// <summary>Where the first profile of a model on a device comes from.</summary>
internal static class SessionProfiles
{
    /// <summary>
    /// The file `NAME.profile` beside the model, where it covers every batch size that the replica has; else null.
    /// </summary>
    /// <exception cref="ServingException">The file is there and is no profile.</exception>
    public static BatchProfile? Read(HostedModel model, IReplica replica, string device)
    {
        var path = Path.ChangeExtension(model.Source.Source.Path, ".profile");
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
        HostedModel model, IReplica replica, string device, TimeProvider clock)
    {
        ReplicaBatch[] batches =
            [.. replica.Sizes.Select(size => MadeUpBatch.Of(model, [.. Enumerable.Range(0, size)]))];
        return ProfileMeasurement.RunAsync(replica, (model.Name, device), batches, clock);
    }
}
