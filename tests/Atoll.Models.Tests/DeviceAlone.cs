namespace Atoll.Models.Tests;

/// <summary>
/// Tests whose compute units need the processor, or the heap, to themselves: nothing runs beside them.
/// </summary>
[CollectionDefinition(Name, DisableParallelization = true)]
public sealed class DeviceAlone
{
    public const string Name = "device alone";
}
