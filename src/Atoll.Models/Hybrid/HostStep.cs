namespace Atoll.Models;

/// <summary>
/// One operator that runs on the caller's thread; slots say where its values lie, -1 stands for one left out.
/// </summary>
internal sealed record HostStep(GraphNode Node, int[] Inputs, int[] Outputs);

/// <summary>
/// What is done for values of given types and shapes: a program of all that can run on the device, then operators on
/// the host, then the rest of the graph, which is planned when its inputs are there. Values are numbered by slots.
/// </summary>
internal sealed class StagePlan
{
    public required HybridModel Owner { get; init; }

    public required int Slots { get; init; }

    /// <summary>Slots that hold constants from the start; the stage's inputs have the first slots.</summary>
    public required (int Slot, Tensor Value)[] Constants { get; init; }

    /// <summary>Null when nothing runs on the device.</summary>
    public LoweredProgram? Island { get; init; }

    public int[] IslandInputs { get; init; } = [];

    public int[] IslandOutputs { get; init; } = [];

    public required HostStep[] Steps { get; init; }

    /// <summary>What is left to do, or null when the results are there.</summary>
    public Graph? Rest { get; init; }

    /// <summary>Slots of the rest's inputs, or of the graph's outputs where nothing is left.</summary>
    public required int[] Results { get; init; }
}
