namespace Atoll.Devices;

/// <summary>A kernel that was forwarded from a host queue to the device.</summary>
internal record struct QueuedKernel(Launch Launch, int KernelIndex, long HostIndex);

/// <summary>
/// The bounded ring between a stream's host queue and its front; how much of it may be used, the share mode says.
/// Touched by one unit at a time.
/// </summary>
internal sealed class DeviceQueue(int capacity)
{
    private readonly QueuedKernel[] _ring = new QueuedKernel[capacity];
    private int _first;

    public int Count { get; private set; }

    public void Push(in QueuedKernel kernel)
    {
        _ring[(_first + Count) % capacity] = kernel;
        Count++;
    }

    public QueuedKernel Peek() => _ring[_first];

    public QueuedKernel Pop()
    {
        var kernel = _ring[_first];
        _first = (_first + 1) % capacity;
        Count--;
        return kernel;
    }
}
