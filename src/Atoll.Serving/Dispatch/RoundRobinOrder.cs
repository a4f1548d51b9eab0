namespace Atoll.Serving;

/// <summary>The duty cycle of Nexus: a device goes round its sessions back to back, passing over empty ones.</summary>
/// <param name="devices">How many devices there are.</param>
public sealed class RoundRobinOrder(int devices) : IQueueOrder
{
    private readonly int[] _next = new int[devices];

    public DispatchQueue? Next(int device, IReadOnlyList<DispatchQueue> queues, TimeSpan now)
    {
        for (var i = 0; i < queues.Count; i++)
        {
            var index = (_next[device] + i) % queues.Count;
            if (IQueueOrder.IsReady(queues[index], now))
            {
                _next[device] = index + 1;
                return queues[index];
            }
        }

        return null;
    }
}
