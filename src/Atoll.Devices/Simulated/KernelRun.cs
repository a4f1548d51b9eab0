namespace Atoll.Devices;

/// <summary>Progress of the current kernel of a launch: exact to the block, whatever happens to the passes.</summary>
internal sealed class KernelRun(SimulatedStream stream, Launch launch, int index, KernelTiming timing)
{
    private readonly Stack<int> _returned = new();
    private int _next;

    public SimulatedStream Stream { get; } = stream;

    public Launch Launch { get; } = launch;

    public int Index { get; } = index;

    public Kernel Kernel { get; } = launch.Program.Kernels[index];

    public KernelTiming Timing { get; } = timing;

    /// <summary>A started block must finish: the kernel is not idempotent.</summary>
    public bool MustFinish { get; } = launch.Program.Analysis.Effects[index] != KernelEffect.Idempotent;

    /// <summary>Blocks that nobody has started, or that were given back.</summary>
    public int Unstarted => Kernel.Blocks - _next + _returned.Count;

    public int Done { get; set; }

    /// <summary>Units that hold a pass of this kernel.</summary>
    public int UnitsInUse { get; set; }

    /// <summary>Most units that it may hold.</summary>
    public int UnitsMax { get; set; }

    /// <summary>When it is expected to end, once its first block has started; 0 before.</summary>
    public long ExpectedEnd { get; set; }

    /// <summary>Its padding has been chosen.</summary>
    public bool HasPlan { get; set; }

    /// <summary>Best-effort blocks ran beside it.</summary>
    public bool IsPadded { get; set; }

    public int[] Take(int count)
    {
        var blocks = new int[count];
        for (var i = 0; i < count; i++)
        {
            blocks[i] = _returned.TryPop(out var block) ? block : _next++;
        }

        return blocks;
    }

    public void Return(int[] blocks)
    {
        foreach (var block in blocks)
        {
            _returned.Push(block);
        }
    }
}
