namespace Atoll.Serving;

/// <summary>Sessions that share devices through one queue each; indices of a <see cref="ClusterLoad"/>.</summary>
/// <param name="Sessions">The sessions, shortest objective first.</param>
/// <param name="Devices">The devices; each belongs to one partition.</param>
/// <param name="Why">Batches and load, in one line.</param>
public sealed record DevicePartition(IReadOnlyList<int> Sessions, IReadOnlyList<int> Devices, string Why)
{
    /// <summary>
    /// Devices of partitions with longer objectives that also run these sessions, after their own: a short batch hardly
    /// delays long objectives, while a long one would break short ones.
    /// </summary>
    public IReadOnlyList<int> Overflow { get; init; } = [];

    /// <summary>The batch that each session is planned to run when the devices are full.</summary>
    public IReadOnlyList<int> Batches { get; init; } = [];

    /// <summary>Bytes that the sessions need on each device.</summary>
    public long MemoryBytes { get; init; }
}
