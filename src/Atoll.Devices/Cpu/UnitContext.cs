namespace Atoll.Devices;

/// <summary>What one unit's running block sees: its yield point answers for the device.</summary>
internal sealed unsafe class UnitContext : BlockContext
{
    private readonly ComputeUnit _unit;
    private readonly CpuDevice _device;
    private readonly bool _mayNest;

    public UnitContext(ComputeUnit unit, CpuDevice device, bool mayNest) : base(device.ScratchBytes)
    {
        _unit = unit;
        _device = device;
        _mayNest = mayNest;
        Word = device.SignalWord;
    }

    public CpuStream Stream { get; set; } = null!;

    public KernelFront Front { get; set; } = null!;

    /// <summary>The yield point told the block to be left.</summary>
    public bool IsLeft { get; set; }

    /// <summary>Ticks of the running block that were spent on nested real-time work.</summary>
    public long NestedTicks { get; set; }

    public bool HasNews => Volatile.Read(ref *Word) != Seen;

    /// <summary>
    /// Takes note of everything signalled so far; call before looking at the state that the signals speak of.
    /// </summary>
    public void Look() => Seen = Volatile.Read(ref *Word);

    private protected override bool OnSignal()
    {
        Look();
        var front = Front;
        if (_mayNest && _device.Interrupts(front))
        {
            if (_device.Mode == ShareMode.ResetLeave)
            {
                return IsLeft = true;
            }

            NestedTicks += _unit.ServeRealTimeNested();
            Look();
        }

        return IsLeft = _device.IsStopping || front.IsVoid || (Stream.Client.IsSuspended && front.IsLeavable);
    }
}
